# The image of production: API, worker and command line of one version. Two stages, no compiler and no tools in the last.
# Not built by CI (no container engine there); .ci/run tests the same code and the same lock.
#
#   docker build -t eresidency .        the tag of the base is to be pinned by digest in the registry you trust

FROM python:3.13-slim-bookworm AS build
WORKDIR /house
COPY requirements.run.lock ./
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes \
      --only-binary :all: -r requirements.run.lock
COPY app app
COPY cards cards
COPY invest invest
COPY kyc kyc
COPY law law
COPY migrations migrations
COPY proof proof
COPY residency residency
COPY wallet wallet
RUN /opt/venv/bin/python -m compileall -q app cards invest kyc law migrations proof residency wallet

FROM python:3.13-slim-bookworm
COPY --from=build /opt/venv /opt/venv
COPY --from=build /house /house
WORKDIR /house
# A volume mounted here for the first time takes over this owner.
RUN install -d -o 10001 -g 10001 -m 0700 /keys /link
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/house PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# A number, so that the cluster can see it is not root; the root file system may be read-only, /tmp is all that is written.
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "app.cli"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
