# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors
