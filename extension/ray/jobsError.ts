/** Why a cluster did not do what it was asked. */
export type JobsFailure =
  /** Nobody answers there, or not in time. */
  | "unreachable"
  /** The token is missing or wrong. */
  | "refused"
  /** There is no such job (or no such package). */
  | "missing"
  /** Anything else that an answer said. */
  | "failed";

/** An error of the Jobs interface, in words for a person. */
export class JobsError extends Error {
  override readonly name = "JobsError";

  constructor(
    message: string,
    readonly failure: JobsFailure,
  ) {
    super(message);
  }
}

/** Characters of an answer that an error quotes. */
const QUOTED = 300;

/**
 * An answer that is no success, as an error.
 * @param doing what was asked, "submit the job"
 * @param address the cluster's, for the message
 * @param body the answer's text: JSON, a traceback, or a proxy's HTML
 */
export function errorOfAnswer(
  doing: string,
  address: string,
  status: number,
  body: string,
): JobsError {
  const said = lastWord(body);
  const quoted = said === "" ? "" : ` It said: ${said}`;
  const could = `The Ray cluster at ${address} could not ${doing}`;
  switch (status) {
    case 401:
    case 403:
      return new JobsError(
        `The Ray cluster at ${address} refused the token (${status}). Give it the right one with "Forksight: Set Ray Token...".${quoted}`,
        "refused",
      );
    case 404:
      return new JobsError(
        `${could} (404).${quoted || " Is this the address of a Ray dashboard?"}`,
        "missing",
      );
    case 405:
      return new JobsError(
        `${could}: the request was refused (405), as Ray does with requests that look like a browser's. A proxy in between may have changed it; use the head node's own address.${quoted}`,
        "failed",
      );
    default:
      if (status >= 300 && status < 400)
        return new JobsError(
          `${could}: it sends requests elsewhere (${status}). Set forksight.ray.address to the final address.`,
          "failed",
        );
      return new JobsError(`${could} (${status}).${quoted}`, "failed");
  }
}

/** The line of an answer that says what happened: of a Python traceback its last one. */
function lastWord(body: string): string {
  const text = unwrapped(body).trim();
  if (/^<(!doctype|html)/i.test(text)) return "";
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const line = (/^Traceback/m.test(text) ? lines.at(-1) : lines[0]) ?? "";
  return line.trim().slice(0, QUOTED);
}

/** Ray wraps some errors: `{"result": false, "msg": "Traceback ..."}`. */
function unwrapped(body: string): string {
  try {
    const value = JSON.parse(body) as { msg?: unknown; error?: unknown };
    for (const one of [value.msg, value.error])
      if (typeof one === "string") return one;
  } catch {
    // Plain text.
  }
  return body;
}
