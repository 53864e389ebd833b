#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors
#
# Makes 'configure' and what it needs.  Only for a checkout: a release tar
# ball has them already.
set -e
cd "$(dirname "$0")"
exec autoreconf --install --force
