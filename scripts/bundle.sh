#!/bin/bash
# One script of a module and all that it imports, so that a page asks for one file and not for a chain of them:   bundle.sh MODULE.js >OUT.js
# Imports are lines `import { … } from "./x.js";`, exports stand before what they declare; no two modules declare one name. Dynamic imports stay.
set -euo pipefail
cd "$(dirname "$1")"
entry=$(basename "$1")
seen=" "

add() {
    local file=$1 import
    case $seen in *" $file "*) return ;; esac
    seen+="$file "
    for import in $(sed -nE 's/^import \{[^}]*\} from "\.\/([a-z_]+\.js)";$/\1/p' "$file"); do
        add "$import"
    done
    if grep -qE '^import \{[^}]* as ' "$file"; then
        echo "bundle: $file imports something under another name, which stays undefined here: give it that name where it is exported" >&2
        exit 1
    fi
    echo "// ---- $file"
    if [ "$file" = "$entry" ]; then
        grep -vE '^import \{' "$file"
    else
        grep -vE '^import \{' "$file" | sed -E 's/^export (const|let|class|function|async function)/\1/'
    fi
}

add "$entry"
