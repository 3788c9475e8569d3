import type { Workbench } from "./workbench";

/** Looks, 0.1 s apart, over which the dialog must leave the path alone. */
const STEADY = 5;

/**
 * Answers VS Code's own file dialog with a path. While it still lists a folder it puts that folder's path back, and takes
 * an answer that comes too early as a way into the folder: so this types until the path stays, and goes on until the
 * dialog is gone.
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
  let looks = 0;
  await workbench.until(
    async () => {
      if (!(await dialog.isVisible())) return true;
      const quickly = { timeout: 2000 };
      looks += 1;
      if ((await input.inputValue(quickly).catch(() => "")) !== path) {
        await input.fill(path, quickly).catch(() => undefined);
        looks = 0;
      }
      if (looks < STEADY) return false;
      looks = 0;
      const button = dialog.locator(".monaco-button:visible").first();
      await button.click(quickly).catch(() => undefined);
      return false;
    },
    () => "the file dialog stays",
  );
}
