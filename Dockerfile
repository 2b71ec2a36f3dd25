# The service and the worker of Likeness: one image for both, see compose.yaml.
#   docker build -t likeness .                            for processors
#   docker build -t likeness --build-arg DEVICE=cuda .    for NVIDIA GPUs (the driver comes from the host)
ARG PYTHON=3.12

# ---- what is built stays here: the final image has no compiler, no pip cache and no sources
FROM docker.io/library/python:${PYTHON}-slim AS build
ARG DEVICE=cpu
# torch for processors comes from an index of its own, of 200 MB in place of 3 GB; an empty value takes the usual one.
ARG TORCH_CPU_INDEX=download.pytorch.org/whl/cpu
WORKDIR /src
RUN python -m venv /opt/likeness
ENV PATH=/opt/likeness/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY constraints.txt ./
RUN set -eu; \
    if [ "$DEVICE" = cpu ]; then \
        sed -e '/^nvidia-/d' -e '/^faiss-gpu/d' -e '/^triton/d' constraints.txt > /tmp/constraints.txt; \
        if [ -n "$TORCH_CPU_INDEX" ]; then \
            pip install --constraint /tmp/constraints.txt --index-url "https://$TORCH_CPU_INDEX" torch torchvision; \
        fi; \
    else \
        cp constraints.txt /tmp/constraints.txt; \
    fi
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY likeness ./likeness
COPY schema ./schema
COPY index ./index
COPY embed ./embed
COPY label ./label
COPY dedupe ./dedupe
COPY curate ./curate
COPY ui ./ui
COPY configs ./configs
# faiss without CUDA has the same modules under another name of the distribution.
RUN set -eu; \
    if [ "$DEVICE" = cpu ]; then sed -i -e '/faiss-gpu/d' -e 's/"faiss-cpu>=\([0-9.]*\); .*"/"faiss-cpu>=\1"/' pyproject.toml; fi; \
    pip install --constraint /tmp/constraints.txt '.[api,objects]'; \
    find /opt/likeness -name '__pycache__' -prune -exec rm -rf {} +

# ---- what runs
FROM docker.io/library/python:${PYTHON}-slim
LABEL org.opencontainers.image.title="Likeness" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --create-home --uid 1000 likeness && mkdir /store /data && chown likeness:likeness /store /data
COPY --from=build /opt/likeness /opt/likeness
ENV PATH=/opt/likeness/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HUB_DISABLE_TELEMETRY=1 \
    LIKENESS_SERVE__HOST=0.0.0.0 \
    LIKENESS_SERVE__PORT=8600 \
    LIKENESS_SERVE__ROOTS=/data
USER 1000
WORKDIR /home/likeness
VOLUME ["/store"]
EXPOSE 8600
# The store is /store; whoever runs it gives LIKENESS_TOKENS, without which nothing beyond the container would be let in.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8600/healthz', timeout=4).close()"]
ENTRYPOINT ["likeness"]
CMD ["serve", "--store", "/store/likeness"]
