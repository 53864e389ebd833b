# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors
#
# What scripts share that fetch packages for the system tests: to be sourced.

# apt_download PACKAGE=VERSION...: into the current folder.  The lists of
# packages may be old, or not there, and not ours to renew.
apt_download () {
    local state=$PWD/apt
    apt-get download "$@" && return
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    set -- -o "Dir::State::Lists=$state/lists" \
        -o "Dir::Cache=$state/cache" download "$@"
    apt-get "${@:1:4}" update && apt-get "$@"
}
