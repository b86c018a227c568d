#!/bin/sh
# Make the virtual environment; on Debian its module is a package of its own.
set -eu
venv=$1
python=${PYTHON:-python3}
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    sh "$(dirname "$0")/debian-packages.sh" python3-venv || exit 1
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "ivsd needs Python 3.11 or newer; $("$python" --version) is too old" >&2
    exit 1
}
"$python" -m venv "$venv"
