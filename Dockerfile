# syntax=docker/dockerfile:1
# One image for the API, the workers and the migrations. The first stage builds; what it builds with stays there.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /source
COPY requirements/image.txt requirements/build.txt requirements/
# Wheels only, each with its hash: nothing is compiled, and nothing but what the lock names is installed.
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-deps --require-hashes --only-binary :all: -r requirements/build.txt
RUN python -m venv /opt/patrongraph \
 && /opt/patrongraph/bin/pip install --no-deps --require-hashes --only-binary :all: -r requirements/image.txt
COPY pyproject.toml README.md LICENSE hatch_build.py schema.graphql ./
COPY console console
COPY src src
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels . \
 && /opt/patrongraph/bin/pip install --no-deps --no-index --find-links /wheels patrongraph \
 && /opt/patrongraph/bin/python -m compileall -q /opt/patrongraph/lib \
 && /opt/patrongraph/bin/pip uninstall --yes pip

FROM python:${PYTHON}-slim-bookworm
LABEL org.opencontainers.image.title="PatronGraph" \
      org.opencontainers.image.description="The patron data lifecycle for libraries, as a GraphQL API with workers" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --system --gid 10001 patrongraph \
 && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin patrongraph \
 && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/patrongraph
COPY --from=build /opt/patrongraph /opt/patrongraph
ENV PATH=/opt/patrongraph/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PATRONGRAPH_DATA_DIR=/var/lib/patrongraph \
    PATRONGRAPH_LISTEN=0.0.0.0:8000 \
    PATRONGRAPH_METRICS_LISTEN=0.0.0.0:9464 \
    PATRONGRAPH_WORKER_METRICS_LISTEN=0.0.0.0:9465
USER 10001:10001
VOLUME /var/lib/patrongraph
EXPOSE 8000 9464 9465
STOPSIGNAL SIGTERM
ENTRYPOINT ["patrongraph"]
CMD ["serve"]
