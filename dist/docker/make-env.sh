#!/bin/sh
# Prints the .env that docker-compose.yml wants, with passwords made up: sh dist/docker/make-env.sh > .env
set -eu

secret() {
  od -An -N 24 -tx1 /dev/urandom | tr -d ' \n'
}

umask 077
cat <<END
# Passwords of Redis' users (dist/redis/users.acl).
ADMIN_PASSWORD=$(secret)
OPERATOR_PASSWORD=$(secret)
TRACKER_PASSWORD=$(secret)
SITE_PASSWORD=$(secret)
CONSUMER_PASSWORD=$(secret)
# Signs connection IDs of UDP; the same for all trackers.
UDP_PRIVATE_KEY=$(secret)
# Of Grafana's user admin.
GRAFANA_PASSWORD=$(secret)
# Two thirds of what Redis may have of this machine's memory.
REDIS_MAXMEMORY=1gb
END
