#!/bin/sh
# Start one broker from the jars that `make kafka` fetched.
#   run.sh format FILE   make FILE's log.dirs ready (once)
#   run.sh start FILE    run until stopped
# KLIBS: where the jars are; KHEAP: heap (512m); KOPTS: more options for java; KCLUSTER: cluster id.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
libs=${KLIBS:-$here/../../build/kafka/libs}
logging=-Dlog4j2.configurationFile=$here/log4j2.properties
set -f # the class path's star is for java
case ${1:-} in
format)
    exec java -Xmx256m -XX:TieredStopAtLevel=1 "$logging" -cp "$libs/*" kafka.tools.StorageTool \
        format --cluster-id "${KCLUSTER:-c2VkaW1lbnQtdGVzdHMtMQ}" --config "$2"
    ;;
start)
    heap=${KHEAP:-512m}
    # shellcheck disable=SC2086 # KOPTS is a list of options
    exec java "-Xmx$heap" "-Xms$heap" -XX:+UseG1GC ${KOPTS:-} "$logging" -cp "$libs/*" kafka.Kafka "$2"
    ;;
*)
    echo "usage: run.sh format|start FILE" >&2
    exit 2
    ;;
esac
