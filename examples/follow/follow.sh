#!/bin/sh
# Follows your feed: fetches what each new event says, and puts it in a folder, a file for each event.
#
#   DRAAD_URL     where Draad is, as https://draad.example.org
#   DRAAD_HEADER  a file with one line: Authorization: Bearer <your access token>
#   DRAAD_INBOX   the folder; `inbox` when unset. Your place in the feed stands in it as `.place`
#
# `follow.sh --once` stops when there is nothing more. Needs curl and jq.
set -eu
: "${DRAAD_URL:?say where Draad is, as https://draad.example.org}"
: "${DRAAD_HEADER:?name the file that holds the line Authorization: Bearer ...}"
inbox=${DRAAD_INBOX:-inbox}
patience=30 # seconds, for an answer that is empty now
[ "${1:-}" != --once ] || patience=0
mkdir -p "$inbox"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

say() { echo "follow: $*" >&2; }
refused() { say "$status: $(jq -r .detail "$scratch/body")" && exit 1; }

# ask ADDRESS: the body in $scratch/body, the status in $status. Whoever is told to wait, waits, and asks again.
ask() {
    while :; do
        # The token is read from a file, so that no list of processes shows it.
        status=$(curl --silent --max-time 60 --header "@$DRAAD_HEADER" --dump-header "$scratch/head" \
            --output "$scratch/body" --write-out '%{http_code}' "$DRAAD_URL$1") || status=000
        case $status in
            429 | 503) pause=$(tr -d '\r' <"$scratch/head" | sed -n 's/^[Rr]etry-[Aa]fter: *//p') ;;
            000 | 5??) pause=10 ;; # not reached, or a fault over there
            401)
            say "401: your token is not right, or too old. Get a new one and start me again; I go on where I was."
            exit 1
            ;;
            *) return ;;
        esac
        say "$status: again in ${pause:-5} s"
        sleep "${pause:-5}"
    done
}

# fetch ID DATAREF: the content of one event, put away. Doing it twice leaves the same file.
fetch() {
    ask "$2"
    case $status in
        200)
            mv "$scratch/body" "$inbox/.arriving" # it may come from another disk, so not yet under its name
            mv "$inbox/.arriving" "$inbox/$1.json"
            say "got $1"
            ;;
        404) say "$1 is not for you (any more): nothing to keep" ;;
        *) refused ;;
    esac
}

while :; do
    place=$(cat "$inbox/.place" 2>/dev/null) || place=
    ask "/v1/feed?limit=50&wait=$patience${place:+&after=$place}"
    [ "$status" = 200 ] || refused # 400: the place is of another reader
    mv "$scratch/body" "$scratch/page"
    jq -r '.items[].event | [.id, .dataref] | @tsv' "$scratch/page" >"$scratch/new"
    while read -r id dataref; do
        fetch "$id" "$dataref"
    done <"$scratch/new"
    # Only now: who stops half-way gets the page again, and loses nothing.
    jq -r .next "$scratch/page" >"$inbox/.next"
    mv "$inbox/.next" "$inbox/.place"
    if [ ! -s "$scratch/new" ] && [ $patience = 0 ]; then
        exit 0
    fi
done
