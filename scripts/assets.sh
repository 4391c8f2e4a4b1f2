#!/usr/bin/env bash
# Fetches the browser library that is built into the program, so that pages can load it from the host they send to. The
# version and the checksum of its npm package are pinned here. Where npm or the registry is out of reach the program is
# built without it, and that is said; it then answers 404 for /static/array.js.
set -euo pipefail
cd "$(dirname "$0")/.."

version=1.449.2
integrity=vji+h92IHaLlFSEnRH1hwe8uLWGOdDUImmPXexj/+V7Xm7HTxIQisYE/Kom7Aaw4DRpzfdhQxiyAN1YVYR4G8Q==
# What is served: the library, and the parts of it that it loads later. The session recorder is left out.
files=(array.js surveys.js dead-clicks-autocapture.js exception-autocapture.js external-scripts-loader.js tracing-headers.js
    web-vitals.js)
into=crates/api/assets/posthog-js

if [ "$(cat "$into/version.txt" 2>/dev/null)" = "$version" ]; then
    exit
fi
skip() {
    echo "NOTE: built without posthog-js, /static/array.js will not be served: $1" >&2
    exit 0
}
command -v npm >/dev/null || skip "npm is not installed"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent "posthog-js@$version" >/dev/null 2>&1) || skip "the npm registry cannot be reached"
package="$work/posthog-js-$version.tgz"
found=$(openssl dgst -sha512 -binary "$package" | base64 --wrap=0)
if [ "$found" != "$integrity" ]; then
    echo "posthog-js $version has another checksum than the one pinned in scripts/assets.sh" >&2
    exit 1
fi
tar --extract --gzip --file "$package" --directory "$work"
for file in "${files[@]}"; do
    # A reference to a source map that is not served would only make browsers ask for it.
    sed '/^\/\/# sourceMappingURL=/d' "$work/package/dist/$file" >"$into/$file"
done
cp "$work/package/LICENSE" "$into/LICENSE"
echo "$version" >"$into/version.txt"
