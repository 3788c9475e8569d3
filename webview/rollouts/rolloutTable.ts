/** The table of rollouts: sortable heads, and rows that the arrow keys walk and Enter opens. */
import type { ShownRollout } from "../../core/panels/rolloutsProtocol";
import type { RolloutQuery, SortKey } from "../../core/rollouts/rolloutRows";

interface Column {
  readonly key: SortKey;
  readonly title: string;
  /** Shown on hovering over the head. */
  readonly meaning: string;
  readonly text: (row: ShownRollout) => string;
  readonly isNumber: boolean;
}

const NONE = "\u2013";

const COLUMNS: readonly Column[] = [
  {
    key: "group",
    title: "Group",
    meaning: "Which prompt of the step, from 0",
    text: (row) => String(row.group),
    isNumber: true,
  },
  {
    key: "prompt",
    title: "Prompt",
    meaning: "The prompt's last message",
    text: (row) => row.prompt,
    isNumber: false,
  },
  {
    key: "reward",
    title: "Reward",
    meaning: "What the reward function gave",
    text: (row) => decimal(row.reward),
    isNumber: true,
  },
  {
    key: "advantage",
    title: "Advantage",
    meaning: "Reward against the group's mean; 0 carries no gradient",
    text: (row) => signed(row.advantage),
    isNumber: true,
  },
  {
    key: "length",
    title: "Tokens",
    meaning: "Length of the completion",
    text: (row) => row.length?.toLocaleString("en") ?? NONE,
    isNumber: true,
  },
  {
    key: "clipped",
    title: "Clipped",
    meaning: "Whether it reached the maximum length without ending",
    text: (row) => (row.clipped ? "clipped" : ""),
    isNumber: false,
  },
  {
    key: "entropy",
    title: "Entropy",
    meaning: "Mean entropy of its tokens in nats",
    text: (row) => row.entropy?.toFixed(3) ?? NONE,
    isNumber: true,
  },
  {
    key: "kept",
    title: "Kept",
    meaning: "Share of its tokens that carried the gradient",
    text: (row) =>
      row.kept === null ? NONE : `${(100 * row.kept).toFixed(1)} %`,
    isNumber: true,
  },
];

export interface TableActions {
  sort(key: SortKey): void;
  /** @param focus whether the editor takes the focus */
  open(index: number, focus: boolean): void;
}

export class RolloutTable {
  private readonly heads = new Map<SortKey, HTMLTableCellElement>();
  /** Number of the rollout whose row is in the tab order. */
  private current: number | undefined;

  constructor(
    head: HTMLElement,
    private readonly body: HTMLElement,
    private readonly actions: TableActions,
  ) {
    for (const { key, title, meaning, isNumber } of COLUMNS) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.className = classOf(key, isNumber);
      const button = document.createElement("button");
      button.textContent = title;
      button.title = `${meaning}. Sort by it.`;
      button.addEventListener("click", () => actions.sort(key));
      cell.append(button);
      head.append(cell);
      this.heads.set(key, cell);
    }
    body.addEventListener("keydown", (event) => this.onKey(event));
  }

  showOrder({ sort, descending }: RolloutQuery): void {
    for (const [key, cell] of this.heads) {
      const order = descending ? "descending" : "ascending";
      if (key === sort) cell.setAttribute("aria-sort", order);
      else cell.removeAttribute("aria-sort");
    }
  }

  show(rows: readonly ShownRollout[]): void {
    const hadFocus = this.body.contains(document.activeElement);
    const stays = rows.some(({ index }) => index === this.current);
    if (!stays) this.current = rows[0]?.index;
    this.body.replaceChildren(...rows.map((row) => this.rowOf(row)));
    if (hadFocus) this.rowElement(this.current)?.focus();
  }

  private rowOf(row: ShownRollout): HTMLElement {
    const line = document.createElement("tr");
    line.dataset["index"] = String(row.index);
    line.tabIndex = row.index === this.current ? 0 : -1;
    for (const { key, text, isNumber } of COLUMNS) {
      const cell = document.createElement("td");
      cell.className = classOf(key, isNumber);
      cell.textContent = text(row);
      if (key === "prompt") cell.title = row.prompt;
      line.append(cell);
    }
    line.addEventListener("click", () => {
      this.select(line);
      this.actions.open(row.index, false);
    });
    return line;
  }

  private onKey(event: KeyboardEvent): void {
    const row = (event.target as HTMLElement).closest("tr");
    if (row === null || event.altKey || event.ctrlKey || event.metaKey) return;
    const rows = [...this.body.children] as HTMLElement[];
    const at = rows.indexOf(row);
    switch (event.key) {
      case "Enter":
      case " ":
        this.actions.open(Number(row.dataset["index"]), event.key === "Enter");
        break;
      case "ArrowDown":
        this.select(rows[at + 1]);
        break;
      case "ArrowUp":
        this.select(rows[at - 1]);
        break;
      case "Home":
        this.select(rows[0]);
        break;
      case "End":
        this.select(rows.at(-1));
        break;
      default:
        return;
    }
    event.preventDefault();
  }

  private select(row: HTMLElement | undefined): void {
    if (row === undefined) return;
    const before = this.rowElement(this.current);
    if (before !== null) before.tabIndex = -1;
    this.current = Number(row.dataset["index"]);
    row.tabIndex = 0;
    row.focus();
  }

  private rowElement(index: number | undefined): HTMLElement | null {
    return this.body.querySelector(`tr[data-index="${Number(index)}"]`);
  }
}

function classOf(key: SortKey, isNumber: boolean): string {
  return isNumber ? `${key} number` : key;
}

function decimal(value: number): string {
  return String(Number(value.toFixed(3)));
}

function signed(value: number): string {
  return value > 0 ? `+${decimal(value)}` : decimal(value);
}
