// What the types must say and what they must refuse; compiled, never run.
// A line behind `@ts-expect-error` that the compiler takes is an error.

import createClient from "openapi-fetch";
import type { components as AdminParts, paths as Admin } from "./admin.js";
import type { components as DreadnodeParts, operations as DreadnodeOperations, paths as Dreadnode } from "./dreadnode.js";
import type { components as InstaVMParts, operations as InstaVMOperations, paths as InstaVM } from "./instavm.js";
import type { components as PrimeParts, operations as PrimeOperations, paths as Prime } from "./prime.js";
import type { components as SuperserveParts, operations as SuperserveOperations, paths as Superserve } from "./superserve.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Body<Operation extends { responses: object }, Status extends keyof Operation["responses"]> =
  Operation["responses"][Status] extends { content: { "application/json": infer Value } } ? Value : never;
const holds = <_Claim extends true>(): void => undefined;

type Sandboxes = {
  dreadnode: DreadnodeParts["schemas"]["SandboxListItem"];
  instavm: InstaVMParts["schemas"]["VMSandboxInfo"];
  prime: PrimeParts["schemas"]["SandboxResponse"];
  superserve: SuperserveParts["schemas"]["SandboxResponse"];
};
type Free = { [key: string]: unknown };

// Enums are unions, and what may be null says so.
holds<Same<Sandboxes["dreadnode"]["state"], "running" | "paused" | "killed">>();
holds<Same<Sandboxes["dreadnode"]["killed_at"], string | null>>();
holds<Same<Sandboxes["dreadnode"]["project_key"], string | null | undefined>>();
holds<Same<Sandboxes["prime"]["terminatedAt"], string | null>>();
holds<Same<null extends Sandboxes["superserve"]["snapshot_id"] ? true : false, false>>();

// Free-form objects hold anything.
holds<Same<Sandboxes["instavm"]["metadata"], Free>>();
holds<Same<Sandboxes["prime"]["environmentVars"], Free | null>>();
holds<Same<Sandboxes["prime"]["advancedConfigs"], Free | null>>();
holds<Same<Sandboxes["superserve"]["metadata"], { [key: string]: string }>>();
holds<Same<AdminParts["schemas"]["Documents"], Free[]>>();
holds<Same<AdminParts["schemas"]["Entry"]["values"], Free | null>>();

// What has a default is not required for that.
holds<Same<Sandboxes["dreadnode"]["billed_credits"], number | undefined>>();
holds<Same<AdminParts["schemas"]["Fault"]["after"], number | null | undefined>>();

// Errors are typed by their status.
holds<Same<Body<DreadnodeOperations["listSandboxes"], 422>, DreadnodeParts["schemas"]["APIErrorPayload"]>>();
holds<Same<Body<InstaVMOperations["listSandboxes"], 401>, { detail: string }>>();
holds<Same<Body<InstaVMOperations["listSandboxes"], 422>, InstaVMParts["schemas"]["HTTPValidationError"]>>();
holds<Same<Body<PrimeOperations["listSandboxes"], 429>, { detail: string }>>();
holds<Same<Body<SuperserveOperations["listSandboxes"], 503>, { error: { code: string; message: string } }>>();

// Nothing has to be sent but what names the resource.
const at = { baseUrl: "http://127.0.0.1:8000" };
const [dreadnode, instavm] = [createClient<Dreadnode>(at), createClient<InstaVM>(at)];
const [prime, superserve, admin] = [createClient<Prime>(at), createClient<Superserve>(at), createClient<Admin>(at)];
void dreadnode.GET("/api/v1/org/{org}/sandboxes", { params: { path: { org: "acme" } } });
void instavm.GET("/v1/sessions/sandboxes");
void prime.GET("/api/v1/sandbox", { params: { query: { page: 2 } } });
void superserve.GET("/sandboxes", { params: { query: {} } });
void admin.POST("/faults", { body: { provider: "prime", operation: "listSandboxes", code: 503 } });

// @ts-expect-error an organization is needed
void dreadnode.GET("/api/v1/org/{org}/sandboxes");
// @ts-expect-error a state that there is not
void dreadnode.GET("/api/v1/org/{org}/sandboxes", { params: { path: { org: "acme" }, query: { state: ["asleep"] } } });
// @ts-expect-error the filter is JSON text
void instavm.GET("/v1/sessions/sandboxes", { params: { query: { metadata: { env: "dev" } } } });
// @ts-expect-error a parameter that there is not
void prime.GET("/api/v1/sandbox", { params: { query: { perPage: 2 } } });
// @ts-expect-error values of metadata are text
void superserve.GET("/sandboxes", { params: { query: { metadata: { "metadata.tries": 3 } } } });
// @ts-expect-error a fault that there is not
void admin.POST("/faults", { body: { provider: "prime", operation: "listSandboxes", fault: "FLOOD" } });
// @ts-expect-error how far the clock is to advance
void admin.PUT("/clock", { body: { action: "advance" } });
// @ts-expect-error what may be null is looked at before it is used
export const year = (each: Sandboxes["prime"]) => each.terminatedAt.slice(0, 4);
