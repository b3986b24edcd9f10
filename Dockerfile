# docker build -t registry.example.com/nsg-baseline-operator:0.1.0 --build-arg VERSION=0.1.0 .

FROM python:3.11-slim AS build
WORKDIR /src
# The environment in the image has no pip. The build environment is not copied.
COPY requirements.txt requirements-build.txt ./
RUN python -m venv --without-pip /opt/nsgb \
    && pip --python /opt/nsgb/bin/python install --no-cache-dir --require-hashes -r requirements.txt
RUN python -m venv --without-pip /opt/build \
    && pip --python /opt/build/bin/python install --no-cache-dir --require-hashes -r requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN /opt/build/bin/hatchling build -t wheel -d /opt/dist \
    && pip --python /opt/nsgb/bin/python install --no-cache-dir --no-deps --no-index /opt/dist/*.whl

FROM python:3.11-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="nsg-baseline-operator" \
      org.opencontainers.image.description="Keeps Azure Network Security Groups in line with approved baselines" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/nsgb /opt/nsgb
# The root file system may be read-only. Only /tmp is written.
ENV PATH=/opt/nsgb/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["nsgb"]
CMD ["run"]
