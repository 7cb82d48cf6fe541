# `sie` in a container: the scoring service, and judging against a server. No torch and no model is inside.
#
#   docker build -t sie .
#
# Serve a scorer that `sie distill` or `sie run` made (the user 10001 has to be able to read folder and token):
#   docker run -p 8000:8000 -v "$PWD/runs/scorer/scorer:/scorer:ro" -v "$PWD/token:/run/secrets/token:ro" sie
#   curl -H "Authorization: Bearer $(cat token)" -H 'Content-Type: application/json' \
#        -d '{"samples": [{"query": "oak table", "title": "Oak table", "label": 1}]}' localhost:8000/v1/score
#
# Judge a log with a server, any other verb likewise; answers are kept in /data/cache (a folder that 10001 may write):
#   docker run --rm --no-healthcheck --network host -v "$PWD:/data" -e OPENAI_API_KEY sie \
#       label --data log.parquet --variant relevance/graded --backend openai \
#       --base-url http://127.0.0.1:8000/v1 --model judge --out runs/labelled

FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY sie_agent sie_agent
COPY prompts prompts
COPY eval/suites eval/suites
COPY eval/campaigns eval/campaigns
ENV PIP_CONSTRAINT=/src/constraints.txt
RUN python -m venv /opt/sie
RUN /opt/sie/bin/python -m pip install --no-cache-dir --disable-pip-version-check ".[serve]"

FROM python:3.11-slim
# LightGBM computes with OpenMP
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --create-home sie && mkdir /data && chown sie /data
COPY --from=build /opt/sie /opt/sie
ENV PATH=/opt/sie/bin:$PATH SIE_CACHE_DIR=/data/cache OMP_WAIT_POLICY=PASSIVE PYTHONUNBUFFERED=1
USER 10001
WORKDIR /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
ENTRYPOINT ["sie"]
CMD ["serve", "--scorer", "/scorer", "--host", "0.0.0.0", "--port", "8000", "--token-file", "/run/secrets/token"]
