import type { Workbench } from "./workbench";

/**
 * Answers VS Code's own file dialog with a path. It lists a folder before it takes an answer, and may take one that
 * comes too early as a way into the folder: so this waits for its first path, and goes on until it is gone.
 */
export async function answerFileDialog(
  workbench: Workbench,
  path: string,
): Promise<void> {
  const dialog = workbench.page.locator(".quick-input-widget:visible");
  const input = dialog.locator("input").first();
  await workbench.until(
    async () =>
      (await input.isVisible()) && (await input.inputValue()).startsWith("/"),
    () => "no file dialog shows a path",
  );
  await input.fill(path);
  await workbench.until(
    async () => {
      if (!(await dialog.isVisible())) return true;
      const button = dialog.locator(".monaco-button:visible").first();
      await button.click({ timeout: 2000 }).catch(() => undefined);
      return false;
    },
    () => "the file dialog stays",
  );
}
