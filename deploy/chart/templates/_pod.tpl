{{/* The pod of a part. Takes root, part, image, command, port, path or "" (then a connection is proof enough), user,
     resources; and where they are needed env, mounts, volumes, ports, readOnly. */}}
{{- define "bodega.pod" -}}
metadata:
  labels: {{- include "bodega.labels" . | nindent 4 }}
  annotations:
    checksum/platform: {{ include "bodega.platform" .root | sha256sum }}
spec:
  enableServiceLinks: false
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 30
  securityContext:
    runAsNonRoot: true
    runAsUser: {{ .user }}
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile: {type: RuntimeDefault}
  {{- with .root.Values.imagePullSecrets }}
  imagePullSecrets: {{- toJson . | nindent 4 }}
  {{- end }}
  initContainers:
    - {{- include "bodega.configure" . | nindent 6 }}
  containers:
    - name: {{ .part }}
      image: {{ .image }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      {{- with .command }}
      command: {{ toJson . }}
      {{- end }}
      {{- $env := concat (.env | default list) (get .root.Values.env .part | default list) }}
      {{- with $env }}
      env: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if .port }}
      ports: [{name: main, containerPort: {{ .port }}}]
      {{- if .path }}
      livenessProbe:
        httpGet: {path: /livez, port: main}
        periodSeconds: 10
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: {{ .path }}, port: main}
        periodSeconds: 5
      {{- else }}
      livenessProbe:
        tcpSocket: {port: main}
        periodSeconds: 10
        failureThreshold: 6
      readinessProbe:
        tcpSocket: {port: main}
        periodSeconds: 5
      {{- end }}
      {{- end }}
      resources: {{- toJson .resources | nindent 8 }}
      securityContext: {{- include "bodega.confined" (.readOnly | default true) | nindent 8 }}
      volumeMounts:
        - {name: configuration, mountPath: /configuration, subPath: {{ .part }}, readOnly: true}
        - {name: tmp, mountPath: /tmp}
        {{- with .mounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes: {{- include "bodega.volumes" .root | nindent 4 }}
    {{- with .volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* Makes the files of a part from the Secret, in a folder of the pod. */}}
{{- define "bodega.configure" -}}
name: configure
image: {{ include "bodega.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
command: [python, -m, bodega.platform.render.inside, configure, --secrets, /run/secrets/bodega, {{ .files | default .part }}]
{{- $keys := dict "payments" (list "secret-key" "publishable-key" "webhook-secret") "storefront" (list "publishable-key") }}
{{- if and .root.Values.stripe.secretName (hasKey $keys .part) }}
env:
  {{- range $key := get $keys .part }}
  - name: BODEGA_STRIPE_{{ $key | upper | replace "-" "_" }}
    valueFrom: {secretKeyRef: {name: {{ $.root.Values.stripe.secretName }}, key: {{ $key }}}}
  {{- end }}
{{- end }}
resources: {requests: {cpu: 50m, memory: 96Mi}, limits: {memory: 256Mi}}
securityContext:
  runAsUser: 10001
  {{- include "bodega.confined" true | nindent 2 }}
volumeMounts:
  - {name: secrets, mountPath: /run/secrets/bodega, readOnly: true}
  - {name: configuration, mountPath: /configuration}
  - {name: home, mountPath: /var/lib/bodega}
  {{- include "bodega.platformMounts" . | nindent 2 }}
{{- end }}

{{- define "bodega.platformMounts" -}}
- {name: platform, mountPath: /bodega/platform.local.toml, subPath: platform.local.toml, readOnly: true}
{{- end }}

{{/* Everything that `configure` needs. Takes the root. */}}
{{- define "bodega.volumes" -}}
- {name: configuration, emptyDir: {medium: Memory, sizeLimit: 8Mi}}
- {name: home, emptyDir: {medium: Memory, sizeLimit: 8Mi}}
- {name: tmp, emptyDir: {sizeLimit: 256Mi}}
- {name: platform, configMap: {name: {{ .platformName | default "bodega-platform" }}}}
- {name: secrets, secret: {secretName: {{ .Values.secretName }}, defaultMode: 0440}}
{{- end }}

{{- define "bodega.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: {{ . }}
capabilities: {drop: [ALL]}
{{- end }}

{{- define "bodega.labels" -}}
app.kubernetes.io/name: bodega
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "bodega.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "bodega.storefrontImage" -}}
{{ .Values.storefrontImage.repository }}:{{ .Values.storefrontImage.tag | default .Chart.AppVersion }}
{{- end }}

{{/* What is this release's own, beside the image's platform.toml. */}}
{{- define "bodega.platform" -}}
platform.local.toml: |
  {{- with .Values.platform }}
  {{- . | nindent 2 }}
  {{- end }}
  [instances.containers]
  site = {{ .Values.site | quote }}
  [instances.containers.hosts]
  {{- range $engine, $purpose := (.Files.Get "files/parts.json" | fromJson).engines }}
  {{ $engine }} = {{ get (get $.Values.engines $engine) "host" | quote }}
  {{- end }}
  [instances.containers.ports]
  {{- range $engine, $purpose := (.Files.Get "files/parts.json" | fromJson).engines }}
  {{ $engine }} = { {{ $purpose }} = {{ get (get $.Values.engines $engine) "port" | int }} }
  {{- end }}
{{- end }}
