# syntax=docker/dockerfile:1
# One image for every process of the hub; what a container does is its command (docker/entrypoint.sh).

FROM python:3.11-slim-bookworm AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/hub
# The packages change rarely, the program often: this layer is built again only when the pins move.
COPY requirements.txt .
RUN /opt/hub/bin/pip install --require-hashes --no-deps -r requirements.txt

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 hub \
    && useradd --uid 10001 --gid hub --no-create-home --home-dir /app --shell /usr/sbin/nologin hub
COPY --from=packages /opt/hub /opt/hub
WORKDIR /app
COPY alembic.ini ./
COPY docker ./docker
COPY migrations ./migrations
COPY models ./models
COPY client_demo ./client_demo
COPY hub ./hub
COPY tasks ./tasks
ENV PATH=/opt/hub/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HUB_HOST=0.0.0.0 \
    HUB_PORT=8000 \
    HUB_DATA_DIR=/tmp/hub \
    HUB_LOG_FORMAT=json
# Everything under /app belongs to root: the process can read its program and not change it.
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["/app/docker/healthcheck.sh", "serve"]
ENTRYPOINT ["/app/docker/entrypoint.sh"]
CMD ["serve"]
