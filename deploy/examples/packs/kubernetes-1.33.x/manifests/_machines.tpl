{{- /*
  What a machine is made of. Templates of machines cannot be changed in Kubernetes, so their names carry a hash
  of what is in them: a change makes a new template, and pointing at it is what replaces the nodes.
  Called with a dict of Values and Attributes.
*/ -}}
{{- define "kubernetes.machine" -}}
template:
  {{- if eq .Values.infrastructure.provider "aws" }}
  spec:
    instanceType: {{ .Attributes.instanceType | default "t3.large" | quote }}
    {{- with .Values.machine.image }}
    ami:
      id: {{ . | quote }}
    {{- end }}
  {{- else }}
  metadata:
    labels:
      machines.strata.dev/type: {{ .Attributes.instanceType | default "standard" | quote }}
  spec:
    extraMounts:
      - containerPath: /var/run/docker.sock
        hostPath: /var/run/docker.sock
    {{- with .Values.machine.image }}
    customImage: {{ . | quote }}
    {{- end }}
  {{- end }}
{{- end }}

{{- /* How the provider's kinds begin. Called with Values. */ -}}
{{- define "kubernetes.provider" -}}
{{- if eq .infrastructure.provider "aws" }}AWS{{ else }}Docker{{ end -}}
{{- end }}

{{- define "kubernetes.hash" -}}
{{- . | sha256sum | trunc 8 -}}
{{- end }}

{{- /* Flags of a component as Cluster API wants them. Called with a map. */ -}}
{{- define "kubernetes.args" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- /* How a node joins. Called with Values. */ -}}
{{- define "kubernetes.join" -}}
joinConfiguration:
  nodeRegistration:
    criSocket: unix:///run/containerd/containerd.sock
    {{- with .kubelet.extraArgs }}
    kubeletExtraArgs:
      {{- include "kubernetes.args" . | nindent 6 }}
    {{- end }}
{{- with .machine.preKubeadmCommands }}
preKubeadmCommands:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
