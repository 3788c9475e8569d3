import * as vscode from "vscode";
import type { EngineAction } from "../../core/engine/protocol";
import { EngineError } from "../../native/client/engineError";

/** What the buttons of an error message are called, and which command each runs. */
const BUTTONS: Readonly<
  Record<
    Exclude<EngineAction, "none">,
    { readonly title: string; readonly command: string }
  >
> = {
  chooseModel: { title: "Choose Model", command: "forksight.chooseModel" },
  dropAdapter: {
    title: "Score with the Base Model",
    command: "forksight.inspectWithBase",
  },
  lowerContext: { title: "Lower Context", command: "forksight.lowerContext" },
  turnGpuOff: { title: "Turn GPU Off", command: "forksight.turnGpuOff" },
  retry: { title: "Retry", command: "forksight.retry" },
};

const SHOW_LOG = "Show Log";

/** What the user can do about an error, as a button; undefined where there is nothing. */
export function buttonOf(
  action: EngineAction,
): { readonly title: string; readonly command: string } | undefined {
  return action === "none" ? undefined : BUTTONS[action];
}

/** Shows errors, each with what can be done about it. What fails again by itself is not shown again. */
export class Failures {
  /** The message of the last failure that nobody had asked for. */
  private lastUnasked: string | undefined;

  constructor(private readonly log: vscode.LogOutputChannel) {}

  /**
   * @param asked whether the user started what failed; such an error is always shown
   */
  async show(error: unknown, asked: boolean): Promise<void> {
    const message = messageOf(error);
    this.log.error(message);
    if (
      error instanceof Error &&
      !(error instanceof EngineError) &&
      error.stack
    )
      this.log.debug(error.stack);
    if (!asked && message === this.lastUnasked) return;
    if (!asked) this.lastUnasked = message;
    const button =
      error instanceof EngineError ? buttonOf(error.action) : undefined;
    const titles = button ? [button.title, SHOW_LOG] : [SHOW_LOG];
    const chosen = await vscode.window.showErrorMessage(
      `Forksight: ${message}`,
      ...titles,
    );
    if (chosen === SHOW_LOG) this.log.show(true);
    else if (button !== undefined && chosen === button.title)
      await vscode.commands.executeCommand(button.command);
  }

  /** After a success the next failure is news again. */
  recovered(): void {
    this.lastUnasked = undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
