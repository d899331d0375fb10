# The server for CPUs and NVIDIA GPUs, with the small model pair inside:
#   docker build -t krait . && docker run --rm -p 8000:8000 -p 50051:50051 krait
# On a GPU, which the NVIDIA Container Toolkit hands in: docker run --gpus all ... krait
# Another model: docker run -v /path/to/checkpoint:/model:ro ... krait serve --model /model
# Both images have glibc 2.39; the tokenizer library needs 2.34, so there is no Alpine variant.

FROM maven:3.9-eclipse-temurin-25-noble AS build
COPY kernels-cuda/nvcc.txt /nvcc.txt
# The compiler of the CUDA kernels, and the C++ compiler that it needs, which the distribution keeps in
# its newest version only.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ python3-venv \
 && rm -rf /var/lib/apt/lists/* \
 && python3 -m venv /nvcc \
 && /nvcc/bin/pip install --no-cache-dir -r /nvcc.txt
WORKDIR /src
COPY . .
# Error Prone and the tests have their place in .ci/run.
RUN --mount=type=cache,target=/root/.m2 \
    NVCC=$(find /nvcc/lib -path '*/bin/nvcc') && export NVCC \
 && mvn -B -ntp -Dfast -DskipTests -pl benchmarks -am package \
      org.cyclonedx:cyclonedx-maven-plugin:2.9.1:makeAggregateBom -DincludeProvidedScope=false \
 && mkdir /dist /about \
 && cp server/target/lib/*.jar server/target/krait-*.jar benchmarks/target/krait-*.jar /dist/ \
 && cp LICENSE target/bom.json /about/ \
 && python3 deploy/notices.py target/bom.json > /about/THIRD-PARTY.txt
RUN jlink --add-modules java.se,jdk.incubator.vector,jdk.management,jdk.unsupported,jdk.zipfs \
      --strip-debug --no-header-files --no-man-pages --generate-cds-archive --output /jre

FROM ubuntu:24.04
RUN useradd --system --uid 10001 --create-home krait
COPY --from=build /jre /opt/java
COPY --from=build /dist /opt/krait/lib
# The licence, the CycloneDX SBOM, and its libraries with their licences.
COPY --from=build /about /opt/krait/about
COPY models /opt/krait/models
USER 10001
WORKDIR /home/krait
# Every option of `serve` has such a variable: --max-sequences is KRAIT_MAX_SEQUENCES.
ENV KRAIT_HOST=0.0.0.0 PATH=/opt/java/bin:$PATH NVIDIA_DRIVER_CAPABILITIES=compute,utility
EXPOSE 8000 50051
# In Kubernetes a Service named krait sets KRAIT_PORT to an address, which is no port of this server.
# 503 while the model loads and while the server drains. bash speaks the few bytes of HTTP itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["bash", "-c", \
  "port=${KRAIT_PORT:-8000}; [[ $port == *://* ]] && port=8000; exec 3<>/dev/tcp/127.0.0.1/$port && printf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $line == *' 200 '* ]]"]
# Caches live in the heap, weights outside of it; JDK_JAVA_OPTIONS=-Xmx... sets another heap.
# The server is process 1: SIGTERM lets running requests finish, up to --drain-timeout.
ENTRYPOINT ["java", "--add-modules", "jdk.incubator.vector", \
  "--enable-native-access=ALL-UNNAMED", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError", "-XX:MaxRAMPercentage=50", "-Dkrait.home=/opt/krait", \
  "-cp", "/opt/krait/lib/*", "dev.krait.server.ServerMain"]
CMD ["serve"]
