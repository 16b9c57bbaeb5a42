#!/bin/bash
# Plays a bottle's life on a real engine, a crash included, with ./bot-bottle
# as built: what is printed is what happened. Every step checks its result; the
# first that is off ends the story with exit 1. The home is a temporary one,
# and everything that the story made is gone afterwards, in the engines too.
#
#   cmd/dev/story.sh IMAGE BACKEND OTHER    (see demo.sh)
#
# IMAGE is the program of ./image. The bottle that the story is about is on
# BACKEND, and one beside it on OTHER.
set -euo pipefail
cd "$(dirname "$0")/../.."
tool=$1 backend=$2 other=$3
work=$(mktemp -d)
cp "$tool" "$work/image"
chmod 755 "$work" # the machines of smolvm, run by root, belong to somebody else
image=bot-bottle-demo:$$
export BOT_BOTTLE_HOME=$work/home SMOLVM_DATA_DIR=$work/machines PATH=$PWD:$PATH
mkdir "$SMOLVM_DATA_DIR"
unset BOT_BOTTLE_BACKEND BOT_BOTTLE_DETACH_KEYS
# The names are the demo's own: a bottle of yours is never in their way.
fix=demo-fix-login-$$ docs=demo-write-docs-$$
imaged=''
# What the environment says later on, which is not what was recorded.
case $backend in
docker) elsewhere=tcp://127.0.0.1:1 contrary=(BOT_BOTTLE_BACKEND=smolmachines "DOCKER_HOST=$elsewhere") ;;
smolmachines) elsewhere=$work/elsewhere contrary=(BOT_BOTTLE_BACKEND=docker "SMOLVM_DATA_DIR=$elsewhere") ;;
esac

tidy() {
  local code=$? left=
  trap '' INT TERM
  {
    # Of a bottle that is removed already, or was never made, nothing is left.
    bot-bottle rm --force "$fix" "$docs"
    bot-bottle cleanup --yes || left=1
    [ -z "$imaged" ] || "$work/image" rm "$image" || left=1
  } >"$work/tidy" 2>&1
  if [ -n "$left" ]; then
    sed 's/^/tidy: /' "$work/tidy" >&2
    echo "something is left in the engine; try: BOT_BOTTLE_HOME=$BOT_BOTTLE_HOME bot-bottle cleanup" >&2
    exit $((code ? code : 1))
  fi
  rm -rf "$work"
  exit "$code"
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step() { printf '\n# %s\n' "$*"; }
off() {
  printf '\nDEMO FAILED: %s\n' "$*" >&2
  exit 1
}

# play COMMAND... shows a command and what it prints, and keeps its words in
# said and its exit code in code.
play() {
  local word shown=
  for word in "$@"; do
    [[ $word =~ ^[A-Za-z0-9_./:=+-]+$ ]] || word="'${word//\'/\'\\\'\'}'"
    shown+=" $word"
  done
  printf '$%s\n' "$shown"
  code=0
  said=$("$@" 2>&1 </dev/null) || code=$?
  [ -z "$said" ] || printf '%s\n' "$said"
}

# ends, says and silent judge what was played last.
ends() { [ "$code" -eq "$1" ] || off "exit code $code, want $1"; }
says() { grep -qE -- "$1" <<<"$said" || off "nothing says /$1/"; }
silent() { ! grep -qE -- "$1" <<<"$said" || off "something says /$1/"; }

# state BOTTLE prints its recorded state and the action left open, if any.
state() {
  bot-bottle list --all -o json | tr '{' '\n' | grep "\"slug\":\"$1\"" |
    sed 's/.*"state":"\([a-z]*\)".*"pending":"\{0,1\}\([a-z]*\)"\{0,1\},.*/\1 \2/'
}
is() { [ "$(state "$1")" = "$2" ] || off "$1 is '$(state "$1")', want '$2'"; }

cd "$work"

step 'A small image, made offline: busybox and nothing else'
play ./image archive "$image" busybox.tar
ends 0

step 'Two bottles. This agent does not listen to SIGTERM, so that stopping it takes a while'
agent='trap "" TERM; echo working; while :; do sleep 1; done'
case "$backend $other" in *docker*) imaged=1 ;; esac
# The two processors of a micro-VM bring an emulator down now and then.
limits=()
[ -z "${LAB_BOOT-}" ] || limits=(--cpus 1)
play bot-bottle start -d --backend "$backend" --name "$fix" --image busybox.tar "${limits[@]}" -- sh -c "$agent"
ends 0
play bot-bottle start -d --backend "$other" --name "$docs" --image busybox.tar -- sh -c "$agent"
ends 0
play bot-bottle list
ends 0
says "$fix .*running.* $backend "
says "$docs .*running.* $other "

step 'Work goes on inside one of them'
play bot-bottle exec "$fix" sh -c 'echo "half of the login is fixed" > /root/notes'
ends 0

step 'A stop takes its grace, and in the middle of it bot-bottle is killed'
printf '$ bot-bottle stop --grace 5s %s &\n' "$fix"
bot-bottle stop --grace 5s "$fix" >stop.out 2>&1 </dev/null &
stopping=$!
for _ in $(seq 100); do
  [ "$(state "$fix")" != 'running stop' ] || break
  sleep 0.05
done
sleep 1
printf '$ kill -9 %s\n' '$!'
killed=0
{
  kill -KILL "$stopping" || off "stop had ended already: $(cat stop.out)"
  wait "$stopping" || killed=$?
} 2>/dev/null
[ "$killed" -eq 137 ] || off "stop ended with $killed"
is "$fix" 'running stop'
play bot-bottle list
ends 0
says "$fix .*stop"

step 'The log still knows what was begun. recover waits for the engine and settles it'
play bot-bottle recover
ends 0
says "$fix"
is "$fix" 'stopped null'
play bot-bottle list
says "$fix .*stopped"

step 'Resume goes to the recorded engine, whatever the environment says by now'
play env "${contrary[@]}" bot-bottle resume -d "$fix"
ends 0
says 'BOT_BOTTLE_BACKEND'
says "$elsewhere"
is "$fix" 'running null'

step 'The same instance: the file is still there'
play env "${contrary[@]}" bot-bottle exec "$fix" cat /root/notes
ends 0
says 'half of the login is fixed'

step 'Everything that happened to it, the crash included'
play bot-bottle history "$fix"
ends 0
for event in BottleCreated ActionRequested InstanceCreated BottleStarted ExecStarted ExecEnded BottleStopped; do
  says "$event"
done

step 'A running bottle is not removed by accident'
play bot-bottle rm "$fix"
ends 4
is "$fix" 'running null'

step 'Removing both. Their history stays'
play bot-bottle rm --force "$fix" "$docs"
ends 0
play bot-bottle list
ends 0
silent "$fix"
play bot-bottle list --all
says "$fix .*removed"
says "$docs .*removed"
play bot-bottle history "$docs"
says BottleRemoved

step 'What the bottles shared goes too; then nothing of this home is left in the engines'
play bot-bottle cleanup --yes
ends 0
play bot-bottle cleanup --yes
ends 0
silent 'release|remove'

printf '\n# All of it went as it should.\n'
