#!/bin/bash
# Puts what pages need into build/web: package/ (the npm package with the engine that scripts/wasm.sh built), agent/ and example/. Says
# what a page has to load of the package for each variant; ends with 1 when that is above the limit.
set -euo pipefail
cd "$(dirname "$0")/.."
out=build/web
limit=500000 # bytes, compressed by gzip -9: one variant of the engine and the scripts

rm -rf $out.new
mkdir -p $out.new/package
cp web/package/{README.md,index.d.ts,package.json,errors.js,native.js,sample.js,web*.js} LICENSE THIRD_PARTY.md $out.new/package/
for script in index worker thread; do # what each start asks for; platforms' own scripts are modules as they are
    scripts/bundle.sh web/package/$script.js >$out.new/package/$script.js
done
cp build/wasm/accel-{baseline,relaxed}{,-threads}.wasm build/wasm/accel-{webnn,webgpu}.wasm $out.new/package/
for folder in agent example; do
    [ ! -d web/$folder ] || cp -r web/$folder $out.new/
done
rm -rf $out
mv $out.new $out

for variant in baseline relaxed baseline-threads relaxed-threads webnn webgpu; do
    size=$(gzip -9c $out/package/accel-$variant.wasm | wc -c)
    for file in $out/package/*.js; do
        case ${file##*/}:$variant in # a platform's own scripts are loaded when it is asked for
        webnn*:webnn | webgpu*:webgpu) ;;
        errors.js:web* | native.js:web* | sample.js:web* | thread.js:*-threads) ;;
        webnn* | webgpu* | errors.js:* | native.js:* | sample.js:* | thread.js:*) continue ;;
        esac
        size=$((size + $(gzip -9c "$file" | wc -c)))
    done
    echo "web: $variant and scripts: $size bytes gzip"
    [ "$size" -le $limit ] || { echo "web: $variant is above the limit of $limit bytes" >&2; exit 1; }
done
