/** The way from a panel to the extension host. */
import { z } from "zod";

// A page's security policy forbids code from strings, which zod would try, and fall back from, with a warning.
z.config({ jitless: true });

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

/** A typed door to the host. One per page: VS Code hands its API out once. */
export class Host<ToPanel, FromPanel, State> {
  private readonly api = acquireVsCodeApi();

  /**
   * @param readMessage checks what comes in; undefined is dropped
   * @param readState checks the state that the page had when it was hidden
   */
  constructor(
    private readonly readMessage: (message: unknown) => ToPanel | undefined,
    private readonly readState: (state: unknown) => State,
  ) {}

  post(message: FromPanel): void {
    this.api.postMessage(message);
  }

  onMessage(handle: (message: ToPanel) => void): void {
    window.addEventListener("message", (event: MessageEvent<unknown>) => {
      const message = this.readMessage(event.data);
      if (message !== undefined) handle(message);
    });
  }

  get state(): State {
    return this.readState(this.api.getState());
  }

  set state(state: State) {
    this.api.setState(state);
  }
}
