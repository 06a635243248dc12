#!/usr/bin/env bash
# Runs the build for Windows under Wine: a smoke test of what Windows refuses, and no proof. It is not part of CI. It
# needs Debian's packages wine64 and gcc-mingw-w64-x86-64-win32 (see README.md), and works in a temporary folder.
set -euo pipefail
cd "$(dirname "$0")/../.."

top=$(mktemp -d)
export WINEPREFIX=$top/prefix WINEDEBUG=-all
wine=$(command -v wine64 || echo /usr/lib/wine/wine64)
trap 'WINEPREFIX=$top/prefix "${wine%/*}/wineserver" -k 2>/dev/null || true; rm -rf "$top"' EXIT
mkdir -p "$top/bin" "$top/project"

GOOS=windows GOARCH=amd64 GOFLAGS=-buildvcs=false go build -o "$top/bin/runs.exe" ./cmd/runs
export HOME=$top
"$wine" cmd /c exit # makes the folder of Windows

# Go asks bcryptprimitives.dll for random bytes, which older versions of Wine lack.
cat >"$top/prng.c" <<'C'
#include <windows.h>
#include <ntsecapi.h>
BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) { return RtlGenRandom(data, (ULONG)size); }
C
x86_64-w64-mingw32-gcc -shared -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" "$top/prng.c" -ladvapi32

cd "$top/project"
runs() {
	printf '$ runs %s\n' "$*"
	timeout 120 "$wine" "$top/bin/runs.exe" "$@"
}
fail() {
	echo "failed: $1"
	exit 1
}

runs version
runs init
runs log loss=1
runs exec -- cmd /c "echo hello"
runs start --name second
id=$(ls .runs/active)
runs log --run "$id" loss=0.5
runs finish "$id"
runs ls
runs show @
runs verify
[ -z "$(ls .runs/active)" ] || fail "finished runs leave their active folders behind: $(ls .runs/active)"
[ "$(ls -d .runs/20*/*/run.toml | wc -l)" = 3 ] || fail "not all of three runs are finished"
echo "1 passed, 0 failed"
