#!/bin/sh
# Print the path of a Python that can run turnout: 3.11 or later, with the venv module.
#
#   find_python.sh          $PYTHON (python3 unless set), else the newest python3.x there is
#   find_python.sh 3.13     exactly that version; exit 1 in silence where it is absent

test_python='import sys
if sys.version_info < (3, 11): sys.exit(3)
try: import ensurepip, venv
except ImportError: sys.exit(4)
print(sys.executable)'

try() { # prints the path when "$1" will do; sets too_old or no_venv when it will not
    found=$("$1" -c "$test_python" 2>/dev/null)
    case $? in
        0) [ -n "$found" ] && printf '%s\n' "$found" && exit 0 ;;
        3) too_old="$1 is $("$1" -c 'import platform; print(platform.python_version())')" ;;
        4) no_venv=$1 ;;
    esac
}

try_version() { # pyenv hides the versions that are not selected, so it is asked as well
    try "python$1"
    command -v pyenv >/dev/null 2>&1 || return 0
    release=$(pyenv versions --bare 2>/dev/null | grep "^$1\.[0-9]*\$" | tail -n 1)
    [ -n "$release" ] && try "$(pyenv prefix "$release" 2>/dev/null)/bin/python"
}

too_old='' no_venv=''
if [ -n "$1" ]; then
    try_version "$1"
    exit 1
fi

wanted=${PYTHON:-python3}
try "$wanted"
if [ "$wanted" = python3 ]; then
    for version in 3.13 3.12 3.11 3.14; do try_version "$version"; done
fi

if [ -n "$no_venv" ]; then
    echo "turnout: $no_venv has no venv module: install it (Debian, Ubuntu: apt install python3-venv), or set PYTHON=" >&2
else
    echo "turnout needs Python 3.11 or later${too_old:+ ($too_old)}: install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2
fi
exit 1
