{{- define "redswarm.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Prometheus takes the name of the Service for the job, and the alerts look for jobs with redswarm in their name. */}}
{{- define "redswarm.metricsName" -}}
{{- $name := include "redswarm.fullname" . -}}
{{- printf "%s-metrics" (ternary $name (printf "%s-redswarm" $name) (contains "redswarm" $name)) -}}
{{- end -}}

{{- define "redswarm.consumerMetricsName" -}}
{{- include "redswarm.metricsName" . | trimSuffix "-metrics" -}}-consumer-metrics
{{- end -}}

{{- define "redswarm.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "redswarm.labels" -}}
{{ include "redswarm.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "redswarm.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "redswarm.serviceAccount" -}}
{{- ternary (default (include "redswarm.fullname" .) .Values.serviceAccount.name) (default "default" .Values.serviceAccount.name) .Values.serviceAccount.create -}}
{{- end -}}

{{/* The configuration file: what the chart has to say, under what config says, under the addresses and times that the chart relies on. */}}
{{- define "redswarm.config" -}}
{{- $own := "is the chart's: its Services, probes and ports rely on it" -}}
{{- if hasKey .Values.config "metrics_addr" }}{{ fail (printf "config.metrics_addr %s (metrics.port)" $own) }}{{ end -}}
{{- range $key, $value := dict "shutdown_delay" "drainSeconds" "shutdown_timeout" "shutdownTimeoutSeconds" -}}
{{- if hasKey $.Values.config $key }}{{ fail (printf "config.%s is the chart's: pods get that much time to end (%s)" $key $value) }}{{ end -}}
{{- end -}}
{{- range $section := list "http" "udp" -}}
{{- if hasKey (default dict (get $.Values.config $section)) "addr" }}{{ fail (printf "config.%s.addr %s" $section $own) }}{{ end -}}
{{- end -}}
{{- if and (hasKey .Values.config "udp") (not .Values.udp.enabled) }}{{ fail "config.udp needs udp.enabled" }}{{ end -}}
{{- $http := dict -}}
{{- with .Values.http.realIpHeader }}{{ $_ := set $http "real_ip_header" . }}{{ end -}}
{{- with .Values.http.trustedProxies }}{{ $_ := set $http "trusted_proxies" . }}{{ end -}}
{{- if .Values.http.proxyProtocol }}{{ $_ := set $http "proxy_protocol" true }}{{ end -}}
{{- $filled := dict "http" $http -}}
{{- $_ := set $filled "storage" (dict "name" "redis" "config" (dict "redis_broker" "${REDIS_URL}")) -}}
{{- $fixed := dict "metrics_addr" (printf ":%d" (int .Values.metrics.port)) "http" (dict "addr" ":6969") -}}
{{- $_ := set $fixed "shutdown_delay" (printf "%ds" (int .Values.drainSeconds)) -}}
{{- $_ := set $fixed "shutdown_timeout" (printf "%ds" (int .Values.shutdownTimeoutSeconds)) -}}
{{- if .Values.udp.enabled -}}
{{- $_ := set $fixed "udp" (dict "addr" ":6969" "private_key" "${UDP_PRIVATE_KEY:-}") -}}
{{- end -}}
{{- $config := mergeOverwrite $filled (deepCopy .Values.config) $fixed -}}
{{- toYaml (dict "chihaya" $config) -}}
{{- end -}}

{{- define "redswarm.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "redswarm.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
