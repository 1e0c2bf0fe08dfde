# The storefront's image: its packages from the lock, the pages built. The context is the repository:
#     docker build -f deploy/storefront.Dockerfile -t bodega-storefront:0.2.0 .
FROM node:24-bookworm-slim AS pages
ENV NEXT_TELEMETRY_DISABLED=1
WORKDIR /storefront
COPY storefront/package.json storefront/package-lock.json ./
RUN npm ci --omit=dev
COPY storefront ./
RUN npm run build

FROM node:24-bookworm-slim
ENV NODE_ENV=production \
    NEXT_TELEMETRY_DISABLED=1
WORKDIR /storefront
COPY --from=pages --chown=node:node /storefront ./
USER 1000:1000
# Its settings are made at each start, by the job `configure`.
CMD ["sh", "-c", "set -a && . /configuration/settings.env && exec node --disable-warning=ExperimentalWarning server.ts"]
