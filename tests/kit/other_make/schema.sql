-- Dreadnode
CREATE TABLE users (user_id TEXT PRIMARY KEY, token TEXT NOT NULL UNIQUE);
CREATE TABLE organizations (org_id TEXT PRIMARY KEY, slug TEXT NOT NULL UNIQUE);
CREATE TABLE members (org_id TEXT NOT NULL, user_id TEXT NOT NULL, role TEXT NOT NULL);
CREATE TABLE projects (project_id TEXT PRIMARY KEY, org_id TEXT NOT NULL, key TEXT NOT NULL, name TEXT);
CREATE TABLE workspaces (workspace_id TEXT PRIMARY KEY, org_id TEXT NOT NULL, key TEXT);
CREATE TABLE compute (
    id TEXT PRIMARY KEY, org_id TEXT NOT NULL, user_id TEXT NOT NULL, project_id TEXT, workspace_id TEXT,
    build_id TEXT NOT NULL, build_ref TEXT, provider TEXT NOT NULL, provider_sandbox_id TEXT NOT NULL,
    sandbox_kind TEXT NOT NULL, state TEXT NOT NULL, pause_reason TEXT,
    created_at INTEGER NOT NULL, last_started_at INTEGER, stopped_at INTEGER, killed_at INTEGER, expires_at INTEGER,
    last_credit_deduction_at INTEGER, total_runtime_seconds INTEGER NOT NULL, billed_credits INTEGER NOT NULL,
    running_credits INTEGER NOT NULL
);
-- InstaVM
CREATE TABLE accounts (account_id TEXT PRIMARY KEY, organization TEXT NOT NULL, token TEXT NOT NULL UNIQUE);
CREATE TABLE snapshots (ref TEXT PRIMARY KEY, size_mb INTEGER NOT NULL);
CREATE TABLE vms (
    vm_id TEXT PRIMARY KEY, account_id TEXT NOT NULL, parent_snapshot_ref TEXT, metadata TEXT NOT NULL,
    started_at INTEGER NOT NULL, end_at INTEGER, status TEXT NOT NULL
);
-- Prime Intellect
CREATE TABLE persons (person_id TEXT PRIMARY KEY, token TEXT NOT NULL UNIQUE);
CREATE TABLE teams (team_id TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE team_members (team_id TEXT NOT NULL, person_id TEXT NOT NULL, role TEXT NOT NULL);
CREATE TABLE pods (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, team_id TEXT, name TEXT NOT NULL, image TEXT NOT NULL, start_command TEXT,
    cpu_cores REAL NOT NULL, memory_gb REAL NOT NULL, disk_gb REAL NOT NULL, gpu_count INTEGER NOT NULL, gpu_type TEXT,
    vm INTEGER NOT NULL, network_access INTEGER NOT NULL, status TEXT NOT NULL, timeout_minutes INTEGER NOT NULL,
    environment TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, started_at INTEGER,
    terminated_at INTEGER, job_id TEXT, exit_code INTEGER, error_type TEXT, error_message TEXT, region TEXT
);
CREATE TABLE pod_labels (pod_id TEXT NOT NULL, label TEXT NOT NULL, position INTEGER NOT NULL);
CREATE INDEX pod_labels_by_pod ON pod_labels (pod_id);
-- Superserve
CREATE TABLE api_keys (secret TEXT PRIMARY KEY, team_id TEXT NOT NULL);
CREATE TABLE machines (
    id TEXT PRIMARY KEY, team_id TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL, vcpu_count INTEGER NOT NULL,
    memory_mib INTEGER NOT NULL, snapshot_id TEXT, created_at INTEGER NOT NULL, timeout_seconds INTEGER, network TEXT
);
CREATE TABLE machine_tags (machine_id TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL);
CREATE INDEX machine_tags_by_machine ON machine_tags (machine_id);
