import type { Locator, Page } from "playwright-core";
import { until } from "./until";

/** VS Code's quick input: the palette, and the picks in its place. */
export class QuickInput {
  constructor(private readonly page: Page) {}

  /** Its field for text. */
  input(): Locator {
    return this.page.locator(".quick-input-widget:visible input").first();
  }

  /** The row with this label. */
  row(label: string | RegExp): Locator {
    return this.page
      .locator(".quick-input-list .monaco-list-row")
      .filter({
        has: this.page.locator(".label-name", {
          hasText:
            typeof label === "string"
              ? new RegExp(`^\\s*${escapeForRegExp(label)}\\s*$`, "u")
              : label,
        }),
      })
      .first();
  }

  /** Labels of the rows that are drawn: the list is virtual. */
  async titles(): Promise<string[]> {
    return this.page
      .locator(".quick-input-list .monaco-list-row .label-name")
      .allInnerTexts();
  }

  /** Opens the quick input with a text in it; F1 opens it in whatever state the page is. */
  async open(text: string): Promise<void> {
    const input = this.input();
    const options = { timeout: 5000 };
    await until(
      async () => {
        await this.page.keyboard.press("F1");
        // On a busy machine what takes the focus late, like an editor that opens, closes it again.
        return input.fill(text, options).then(
          () => true,
          () => false,
        );
      },
      () => "the quick input does not stay open",
    );
  }
}

function escapeForRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/gu, "\\$&");
}
