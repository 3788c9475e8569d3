import * as vscode from "vscode";
import type { ParsedRecord } from "../../core/traces/record";
import type { RecordsFile } from "../../core/traces/recordsFile";
import { shortened, visibleText } from "../../core/panels/visibleText";

/** Records that are listed; any other is reached by its number. */
const LISTED = 100;
/** Characters of a response that its entry shows. */
const EXCERPT = 120;

interface RecordItem extends vscode.QuickPickItem {
  readonly index: number;
}

/**
 * Asks which record of a file to open. The first ones, or those around `current`, are listed as they are read; typing
 * a number reaches every other.
 * @returns its number, from 1; undefined where the user gave up
 */
export async function pickRecord(
  records: RecordsFile,
  current?: number,
): Promise<number | undefined> {
  if (records.count === 1) return 1;
  const pick = vscode.window.createQuickPick<RecordItem>();
  pick.title = `Open a record of ${records.fileName}`;
  pick.placeholder = `Choose a record, or type its number (1 to ${records.count.toLocaleString("en")})`;
  pick.matchOnDescription = true;
  pick.matchOnDetail = true;
  pick.busy = true;
  const listed: RecordItem[] = [];
  const show = () => {
    const typed = /^\s*#?(\d+)\s*$/.exec(pick.value);
    const index = typed ? Number(typed[1]) : 0;
    const isListed = listed.some((one) => one.index === index);
    const extra =
      index >= 1 && index <= records.count && !isListed
        ? [{ index, label: `#${index}`, alwaysShow: true }]
        : [];
    pick.items = [...extra, ...listed];
    const start = listed.find((one) => one.index === current);
    if (pick.value === "" && start !== undefined) pick.activeItems = [start];
  };
  const accepted = new Promise<number | undefined>((resolve) => {
    pick.onDidAccept(() => resolve(pick.activeItems[0]?.index));
    pick.onDidHide(() => resolve(undefined));
  });
  pick.onDidChangeValue(show);
  pick.show();
  let open = true;
  void accepted.then(() => (open = false));
  const first = Math.max(1, (current ?? 1) - LISTED / 2);
  const last = Math.min(records.count, first + LISTED - 1);
  try {
    for (let index = first; index <= last && open; index++) {
      listed.push(itemOf(await records.read(index)));
      if (listed.length % 10 === 0 || index === last) show();
    }
  } finally {
    pick.busy = false;
  }
  try {
    return await accepted;
  } finally {
    pick.dispose();
  }
}

function itemOf(parsed: ParsedRecord): RecordItem {
  if (parsed.kind === "error") {
    const { index, line, message } = parsed;
    return {
      index,
      label: `#${index}`,
      description: `$(warning) line ${line}`,
      detail: message,
    };
  }
  const { index, line, reward, response } = parsed.record;
  const facts = [`line ${line}`];
  if (reward !== undefined) facts.unshift(`reward ${reward}`);
  return {
    index,
    label: `#${index}`,
    description: facts.join(" · "),
    detail: shortened(visibleText(response.slice(0, 4 * EXCERPT)), EXCERPT)
      .replaceAll("·", " ")
      .replaceAll("$(", "$ ("),
  };
}
