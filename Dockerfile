# The image of tracker, consumer and every other command: `docker build -t redswarm .`
#
#   docker run --read-only -p 6969:6969 -p 6969:6969/udp -e REDIS_URL=redis://… -v ./redswarm.yaml:/etc/redswarm.yaml:ro redswarm
#
# docs/deployment.md has the rest. test/e2e/deployImage.test.ts performs these steps in a folder, so every path of a RUN is
# relative to its WORKDIR.
ARG NODE_IMAGE=node:24-slim

# What runs: the locked packages without those for development, and the SQL drivers. The Node that the workspace
# tools/node-runtime holds stays out, the base image has one.
FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY tools tools
RUN npm ci --omit=dev --workspace tools/sql-drivers --include-workspace-root --ignore-scripts --no-audit --no-fund

# Compiled code.
FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc tsconfig.json ./
COPY tools tools
RUN npm ci --workspace tools/sql-drivers --include-workspace-root --ignore-scripts --no-audit --no-fund
COPY src src
RUN node_modules/.bin/tsc -p . && mkdir data

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="redswarm" \
      org.opencontainers.image.description="Private BitTorrent tracker with all of its state in Redis" \
      org.opencontainers.image.licenses="MIT"
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=packages /app/tools/sql-drivers tools/sql-drivers
COPY --from=build /app/build build
COPY package.json LICENSE ./
COPY bin bin
COPY lua lua
COPY dist/example_config.yaml dist/
COPY dist/docker dist/docker
# For the consumer's SQLite file; a volume that is mounted here begins with this owner.
COPY --from=build --chown=1000:1000 /app/data /data
# The user `node` of the base image, by number, so that Kubernetes sees that it is not root. It owns nothing but /data and
# nothing here is written to: run with a read-only root.
USER 1000:1000
EXPOSE 6969/tcp 6969/udp 6880/tcp
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["node", "dist/docker/healthcheck.mjs"]
# Node itself is the first process and hears SIGTERM; npm would keep it to itself.
ENTRYPOINT ["node", "build/cli/main.js"]
CMD ["serve"]
