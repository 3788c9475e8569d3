/** Page object of the workbench: what a person does and sees, without selectors in the tests. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Locator, Page } from "playwright-core";
import { root } from "../../../scripts/steps.mjs";
import { QuickInput } from "./quickInput";
import { until } from "./until";
import { type Box, EditorView, decoratedTexts, readLines } from "./editorView";

export class Workbench {
  private readonly quick: QuickInput;

  constructor(readonly page: Page) {
    this.quick = new QuickInput(page);
  }

  /** Resolves once the workbench has drawn itself. */
  async shown(): Promise<void> {
    await this.page.locator(".monaco-workbench .part.statusbar").waitFor();
  }

  /** Runs a command of the palette by its full title, for example "Forksight: Annotate". */
  async run(title: string): Promise<void> {
    const row = this.quick.row(title);
    await this.until(
      async () => {
        // The palette lists what there was when it opened: a command that its extension enables later needs it anew.
        await this.quick.open(`>${title}`);
        // On a busy machine the list may be drawn anew between the press and the release of the mouse.
        const clicked = await row.click({ timeout: 3000 }).then(
          () => true,
          () => false,
        );
        if (clicked && (await this.paletteGone(3000))) return true;
        await this.page.keyboard.press("Escape");
        return false;
      },
      async () =>
        `the palette does not run "${title}", it offers ${(await this.quick.titles()).join(", ")}`,
    );
    // Else the mouse rests on whatever was behind the palette, and its tooltip shows.
    await this.page.mouse.move(5, 5);
  }

  /** Whether the palette closed, or gave way to a pick of the command's own in the same place. @param patience milliseconds */
  private async paletteGone(patience: number): Promise<boolean> {
    const input = this.quick.input();
    const gone = async () =>
      !(await input.isVisible()) ||
      !(await input.inputValue({ timeout: 1000 }).catch(() => "")).startsWith(
        ">",
      );
    return until(gone, () => "the palette is still open", patience).then(
      () => true,
      () => false,
    );
  }

  /** Titles of the palette's rows for a search text. */
  async paletteTitles(search: string): Promise<string[]> {
    await this.quick.open(`>${search}`);
    await this.page
      .locator(".quick-input-list .monaco-list-row")
      .first()
      .waitFor();
    // The list is virtual and comes in steps; it has come to rest when two looks agree.
    let titles = await this.quick.titles();
    for (;;) {
      await sleep(300);
      const again = await this.quick.titles();
      if (again.join() === titles.join()) break;
      titles = again;
    }
    await this.page.keyboard.press("Escape");
    return titles;
  }

  /** Chooses a row of the quick pick that is open. */
  async pick(label: string | RegExp): Promise<void> {
    await this.quick.row(label).click();
  }

  /** The same in a list that is too long to show every row. */
  async filterAndPick(label: string): Promise<void> {
    const row = this.quick.row(label);
    // The list fills once its input is there; filling it earlier would be lost.
    await this.page
      .locator(".quick-input-list .monaco-list-row")
      .first()
      .waitFor();
    await this.quick.input().fill(label);
    await row.click();
    await row.waitFor({ state: "hidden" });
  }

  /** Fills the input box that is open, and confirms it. */
  async answer(text: string): Promise<void> {
    await this.quick.input().fill(text);
    await this.page.keyboard.press("Enter");
  }

  /** Opens a file of the workspace by its name, and waits until it is the active editor. */
  async openFile(name: string): Promise<void> {
    const row = this.page
      .locator(".quick-input-list .monaco-list-row")
      .filter({ hasText: name })
      .first();
    await this.until(
      async () => {
        await this.quick.open(name);
        await row.click({ timeout: 3000 }).catch(() => undefined);
        return this.activeTab(name)
          .waitFor({ timeout: 5000 })
          .then(
            () => true,
            () => this.page.keyboard.press("Escape").then(() => false),
          );
      },
      async () =>
        `${name} does not open, the files are ${(await this.quick.titles()).join(", ")}`,
    );
    await this.page
      .locator(".editor-group-container.active .view-lines")
      .first()
      .waitFor();
  }

  /** The tab of the active editor, if it has this title. */
  activeTab(title: string | RegExp): Locator {
    return this.page.locator(".tab.active").filter({ hasText: title }).first();
  }

  /** Puts the cursor to a UTF-16 offset of the active document's text. */
  async moveTo(documentText: string, offset: number): Promise<void> {
    const before = documentText.slice(0, offset).split("\n");
    const line = before.length;
    const column = (before.at(-1)?.length ?? 0) + 1;
    await this.until(
      async () => {
        await this.quick.open(`:${line}:${column}`);
        await this.page.keyboard.press("Enter");
        return this.cursorAt(documentText, offset, 5000).then(
          () => true,
          () => false,
        );
      },
      async () => `the cursor is at ${await this.cursorLabel()}`,
    );
  }

  /** The status bar's line and column of the cursor. */
  async cursorLabel(): Promise<string> {
    return this.page.locator("#status\\.editor\\.selection").innerText();
  }

  /** UTF-16 offset of the cursor, by the status bar's line and column. */
  async cursorOffset(documentText: string): Promise<number> {
    const label = await this.cursorLabel();
    const found = /Ln (\d+), Col (\d+)/u.exec(label);
    if (found === null) throw new Error(`no cursor in "${label}"`);
    const [, line = "", column = ""] = found;
    const lines = documentText.split("\n").slice(0, Number(line) - 1);
    return (
      lines.reduce((sum, text) => sum + text.length + 1, 0) + Number(column) - 1
    );
  }

  /** Waits until the cursor is at an offset. @param patience milliseconds */
  async cursorAt(
    documentText: string,
    offset: number,
    patience?: number,
  ): Promise<void> {
    await this.until(
      async () => (await this.cursorOffset(documentText)) === offset,
      async () =>
        `the cursor is at ${await this.cursorOffset(documentText)}, not at ${offset}`,
      patience,
    );
  }

  /** What the active editor shows now. */
  async editor(documentText: string, from = 0): Promise<EditorView> {
    return EditorView.read(this.page, documentText, from);
  }

  /** Waits until the active editor shows something that satisfies a condition, and returns it. */
  async editorWhere(
    documentText: string,
    condition: (view: EditorView) => boolean,
    describe: (view: EditorView | undefined) => string,
    from = 0,
  ): Promise<EditorView> {
    let view: EditorView | undefined;
    await this.until(
      async () => {
        // While the editor redraws, its lines may be of two moments: look again.
        view = await this.editor(documentText, from).catch(() => undefined);
        return view !== undefined && condition(view);
      },
      () => describe(view),
    );
    return view as EditorView;
  }

  /** Waits until the active editor shows a text, within one of its lines. */
  async showsText(text: string | RegExp): Promise<void> {
    const matches = (line: string) =>
      typeof text === "string" ? line.includes(text) : text.test(line);
    await this.until(
      async () =>
        (await readLines(this.page)).some((line) => matches(line.text)),
      async () =>
        `the editor does not show ${String(text)}; it shows ${JSON.stringify((await readLines(this.page)).map((line) => line.text))}`,
    );
  }

  /** The visible characters under decorations, line by line. */
  async decoratedTexts(): Promise<string[]> {
    return decoratedTexts(this.page);
  }

  /** Hovers over the first place on the screen where the editor shows a text. */
  async hoverOver(text: string): Promise<Locator> {
    return this.hoverAt(async () => {
      const line = (await readLines(this.page)).find((one) =>
        one.text.includes(text),
      );
      const box = line?.boxes[line.text.indexOf(text)];
      if (box === undefined)
        throw new Error(`the editor does not show ${text}`);
      return box;
    });
  }

  /** Types into the editor that has the focus, one key at a time. */
  async type(text: string): Promise<void> {
    await this.page.keyboard.type(text, { delay: 20 });
  }

  /** Erases this many characters before the cursor. */
  async erase(characters: number): Promise<void> {
    for (let index = 0; index < characters; index += 1) {
      await this.page.keyboard.press("Backspace");
    }
  }

  /** Presses a key, in Playwright's notation. */
  async press(key: string): Promise<void> {
    await this.page.keyboard.press(key);
  }

  /** Puts the focus back into the active editor. */
  async focusEditor(): Promise<void> {
    await this.run("View: Focus Active Editor Group");
  }

  /** Selects from one offset to another, by the keyboard. */
  async select(
    documentText: string,
    start: number,
    end: number,
  ): Promise<void> {
    await this.moveTo(documentText, start);
    for (let offset = start; offset < end; offset += 1) {
      await this.page.keyboard.press("Shift+ArrowRight");
    }
    await this.cursorAt(documentText, end);
  }

  /** What the page's clipboard holds. */
  async clipboard(): Promise<string> {
    return this.page.evaluate("navigator.clipboard.readText()");
  }

  /** Opens a row's context menu, and returns its entry with this text. */
  async menuEntry(row: Locator, text: string): Promise<Locator> {
    const entry = this.page
      .locator(".monaco-menu .action-item", { hasText: text })
      .first();
    await this.until(
      async () => {
        // A row that is drawn anew under the mouse loses the click.
        await row.click({ button: "right" });
        return entry.waitFor({ timeout: 5000 }).then(
          () => true,
          () => this.page.keyboard.press("Escape").then(() => false),
        );
      },
      () => `there is no menu with ${text}`,
    );
    return entry;
  }

  /** Rows of the tree view in the side bar. */
  treeRows(): Locator {
    return this.page.locator(".part.sidebar .pane-body .monaco-list-row");
  }

  /** Puts the mouse over the character at an offset, and returns the hover's text. */
  async hoverText(view: EditorView, offset: number): Promise<string> {
    const hover = await this.hoverAt(async () =>
      (await this.editor(view.documentText)).boxAt(offset),
    );
    return hover.innerText();
  }

  /** A lens that appears shifts the lines under the mouse: the place is looked up anew until a hover shows. */
  private async hoverAt(place: () => Promise<Box>): Promise<Locator> {
    const hover = this.page.locator(".monaco-hover:visible").first();
    await this.until(
      async () => {
        const [left, top, right, bottom] = await place();
        await this.page.mouse.move(5, 5);
        await this.page.mouse.move((left + right) / 2, (top + bottom) / 2, {
          steps: 4,
        });
        return hover
          .locator(".hover-contents")
          .first()
          .waitFor({ timeout: 10_000 })
          .then(
            () => true,
            () => false,
          );
      },
      () => Promise.resolve("no hover shows"),
    );
    // It fades in: a picture taken earlier would show it half transparent.
    await hover.evaluate(
      "(element) => Promise.all(element.getAnimations({ subtree: true }).map((one) => one.finished))",
    );
    return hover;
  }

  /** Takes the mouse away, so that a hover closes. */
  async leaveHover(): Promise<void> {
    await this.page.keyboard.press("Escape");
    await this.page.mouse.move(5, 5);
    await this.page
      .locator(".monaco-hover:visible")
      .first()
      .waitFor({ state: "hidden" });
  }

  /** The extension's item in the status bar. */
  statusItem(): Locator {
    return this.page.locator('.statusbar-item[id*="forksight" i]').first();
  }

  /** Waits until the status item's text or description matches. */
  async statusMatches(pattern: RegExp): Promise<void> {
    await this.until(
      async () => pattern.test(await this.statusText()),
      async () =>
        `the status item says "${await this.statusText()}", which does not match ${pattern}`,
    );
  }

  /** Text and accessible description of the status item; empty where there is none. */
  async statusText(): Promise<string> {
    const item = this.statusItem();
    if ((await item.count()) === 0) return "";
    const label = await item
      .locator("[aria-label]")
      .first()
      .getAttribute("aria-label");
    return `${await item.innerText()} ${label ?? ""}`;
  }

  /**
   * Opens the list of notifications and keeps it open. The driver that lets a built workbench run an extension from its
   * source folder turns toasts off, so this is where messages are seen.
   */
  async showNotifications(): Promise<void> {
    await this.run("Notifications: Show Notifications");
  }

  /** Notifications that show a text, in the open list. */
  notification(text: string | RegExp): Locator {
    return this.page
      .locator(".notification-list-item")
      .filter({ hasText: text })
      .first();
  }

  /** Saves a picture of the page, relative to the repository; returns its absolute path. */
  async screenshot(path: string): Promise<string> {
    const file = join(root, path);
    await this.page.screenshot({ path: file });
    return file;
  }

  /** Waits for a condition, and fails with what `describe` says. */
  readonly until = until;
}
