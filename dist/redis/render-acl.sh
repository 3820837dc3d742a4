#!/bin/sh
# Makes the users file that Redis loads (aclfile) from users.acl beside this script: without comments, one line a user, the
# SHA-256 of a password in place of its mark. Takes each password from the environment: @SITE_PASSWORD@ is that of
# $SITE_PASSWORD. KEY_PREFIX is put before all key names. Prints the file; needs sh, awk and sha256sum.
set -eu

fail() {
  echo "render-acl.sh: $1" >&2
  exit 1
}

source_file=$(dirname "$0")/users.acl
prefix=${KEY_PREFIX:-}
case $prefix in
*[!A-Za-z0-9:_.{}-]*) fail 'KEY_PREFIX may have letters, digits and : _ . - { } only' ;;
esac

# Comments go, a line that begins with a space belongs to the one before, and the prefix goes before each name.
users=$(sed -e '/^ *#/d' -e '/^ *$/d' -e "s/~\([a-z]\)/~$prefix\1/g" "$source_file" |
  awk '/^ / { sub(/^ +/, ""); printf " %s", $0; next } { printf "%s%s", (NR > 1 ? "\n" : ""), $0 } END { print "" }')

for mark in $(printf '%s\n' "$users" | grep -o '@[A-Z_]*_PASSWORD@' | sort -u); do
  name=$(printf '%s' "$mark" | tr -d @)
  eval "password=\${$name:-}"
  [ -n "$password" ] || fail "$name is not set"
  [ "${#password}" -ge 12 ] || fail "$name is shorter than 12 characters"
  hash=$(printf '%s' "$password" | sha256sum | cut -c 1-64)
  users=$(printf '%s\n' "$users" | sed "s/$mark/$hash/")
done
printf '%s\n' "$users"
