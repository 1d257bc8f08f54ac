# The server as an image: `docker build --target slim .`, or `full` with commands, certificates and PostgreSQL.
# It needs no root, no shell and no place to write; docs/containers.md says how it is run.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS source
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY requirements/dev.lock requirements/
COPY openapi openapi
COPY fixtures fixtures
COPY fakeserver fakeserver
COPY contract_tests contract_tests
RUN python -m venv /opt/fakeserver

# What is in the YAML files is read here, and kept: in a container nothing can be.
FROM source AS build-slim
RUN /opt/fakeserver/bin/python -m pip install --no-cache-dir --constraint requirements/dev.lock '.[fast]' && \
    /opt/fakeserver/bin/python -P -c 'import fakeserver.admin.contract as admin, fakeserver.serving.app as app; admin.contract(); app.load_services()'

FROM source AS build-full
RUN /opt/fakeserver/bin/python -m pip install --no-cache-dir --constraint requirements/dev.lock '.[commands,intercept,postgres,fast]' && \
    /opt/fakeserver/bin/python -P -c 'import fakeserver.admin.contract as admin, fakeserver.serving.app as app; admin.contract(); app.load_services()'

FROM python:${PYTHON}-slim AS runtime
ENV PATH=/opt/fakeserver/bin:$PATH PYTHONDONTWRITEBYTECODE=1 HOME=/nonexistent
EXPOSE 8000
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=6s --start-period=30s CMD ["fakeserver", "health"]
ENTRYPOINT ["fakeserver"]
CMD ["serve"]

FROM runtime AS slim
COPY --from=build-slim /opt/fakeserver /opt/fakeserver

FROM runtime AS full
COPY --from=build-full /opt/fakeserver /opt/fakeserver
