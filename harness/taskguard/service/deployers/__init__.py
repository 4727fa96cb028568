"""The ways to deploy a service. One is chosen by what lies in the service's folder, or by name (:mod:`.choosing`)."""
