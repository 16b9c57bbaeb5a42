# Sourced by the scripts beside it: brings Debian packages that are missing.
# Nothing is started by what is installed.

# absent WHAT: true when neither a program nor a file of that name is there.
absent() {
  case $1 in
  /*) [ ! -e "$1" ] ;;
  *) ! PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null ;;
  esac
}

# bring WHAT=PACKAGE[,PACKAGE]... installs the packages of everything that is
# absent, or says which ones are missing and returns 1. WHAT is the name of a
# program, or the path of a file.
bring() {
  local pair packages=() list
  for pair in "$@"; do
    absent "${pair%%=*}" || continue
    IFS=, read -ra list <<<"${pair#*=}"
    packages+=("${list[@]}")
  done
  [ ${#packages[@]} -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing here: ${packages[*]} (names of Debian packages)" >&2
    echo "  on Debian or Ubuntu: sudo apt-get install --no-install-recommends ${packages[*]}" >&2
    return 1
  fi
  echo "installing ${packages[*]}" >&2
  apt_install "${packages[@]}"
}

# certificates brings what Go needs to fetch modules over TLS: a bare Debian
# trusts nobody.
certificates() {
  [ ! -e /etc/debian_version ] || bring /etc/ssl/certs/ca-certificates.crt=ca-certificates
}

# cache prints the folder of what is fetched or built once: the user's own,
# unless this is root and others cannot enter that. smolvm run by root runs its
# machines as somebody else, who has to read the engine.
cache() {
  local dir=${XDG_CACHE_HOME:-$HOME/.cache}
  [ "$(id -u)" -ne 0 ] || { mkdir -p "$dir" && setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$dir"; } ||
    dir=/var/cache
  echo "$dir/bot-bottle"
}

# apt_install PACKAGE... keeps the services of what it installs from starting:
# what is wanted here is started privately, by whoever wants it.
apt_install() {
  local policy=/usr/sbin/policy-rc.d mine= log code=0
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && mine=1
  fi
  log=$(mktemp)
  {
    apt-get install -y -qq --no-install-recommends "$@" ||
      { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; }
  } >"$log" 2>&1 </dev/null || code=$?
  [ -z "$mine" ] || rm -f "$policy"
  if [ "$code" -ne 0 ]; then
    echo "apt-get could not install $*:" >&2
    tail -n 20 "$log" >&2
  fi
  rm -f "$log"
  return "$code"
}
