import * as vscode from "vscode";

/**
 * Runs work under a notification that can be cancelled.
 * @throws vscode.CancellationError where the user cancels; what the work throws
 */
export async function working<T>(
  title: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  return vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: `Forksight: ${title}`,
      cancellable: true,
    },
    async (_, token) => {
      const listening = token.onCancellationRequested(() => abort.abort());
      try {
        return await work(abort.signal);
      } catch (error) {
        if (abort.signal.aborted) throw new vscode.CancellationError();
        throw error;
      } finally {
        listening.dispose();
      }
    },
  );
}
