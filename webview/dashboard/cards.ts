/** The grid of charts: those in view are drawn, one after the other, so that the page always answers. */
import type { ChartSpec } from "../../core/panels/dashboardCharts";
import { type CardEvents, ChartCard } from "./chartCard";
import type { DashboardModel } from "./model";

/** Milliseconds of drawing in one frame, about. */
const FRAME = 24;
/** Milliseconds that new data may wait. */
const MOST_WAIT = 3000;

export class Cards {
  private readonly cards = new Map<string, ChartCard>();
  private readonly inView = new Set<ChartCard>();
  private readonly dirty = new Set<ChartCard>();
  private readonly byElement = new WeakMap<Element, ChartCard>();
  private readonly observer: IntersectionObserver;
  private frame: number | undefined;
  private cursorFrame: number | undefined;
  private later: ReturnType<typeof setTimeout> | undefined;
  /** Milliseconds that the charts in view took when they were drawn last. */
  private cost = 0;
  private spent = 0;
  /** Called when nothing in view waits to be drawn. */
  onDrawn: () => void = () => undefined;

  constructor(
    private readonly model: DashboardModel,
    private readonly eventsOf: (spec: ChartSpec) => CardEvents,
  ) {
    this.observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          const card = this.byElement.get(target);
          if (card === undefined) continue;
          if (isIntersecting) this.inView.add(card);
          else this.inView.delete(card);
        }
        this.drawSoon();
      },
      { rootMargin: "60px" },
    );
  }

  /** Has exactly these charts in a grid, in this order. */
  arrange(grid: HTMLElement, specs: readonly ChartSpec[]): void {
    const wanted = new Set(specs.map(({ id }) => id));
    for (const [id, card] of this.cards)
      if (card.element.parentElement === grid && !wanted.has(id)) this.drop(id);
    specs.forEach((spec, at) => {
      let card = this.cards.get(spec.id);
      if (card === undefined) {
        card = new ChartCard(spec, this.model, this.eventsOf(spec));
        this.cards.set(spec.id, card);
        this.byElement.set(card.element, card);
        this.observer.observe(card.element);
        this.dirty.add(card);
      }
      card.setSpec(spec);
      if (grid.children[at] !== card.element)
        grid.insertBefore(card.element, grid.children[at] ?? null);
    });
  }

  /** Draws all charts anew, those in view first and the others when they come into view. */
  refresh(): void {
    for (const card of this.cards.values()) this.dirty.add(card);
    this.drawSoon();
  }

  /** The same for data that come on their own: seldom enough that drawing leaves most of the time to the user. */
  refreshWhenIdle(): void {
    this.later ??= setTimeout(
      () => {
        this.later = undefined;
        this.refresh();
      },
      Math.min(MOST_WAIT, 4 * this.cost),
    );
  }

  /** Moves the cursor on the charts in view. */
  moveCursor(): void {
    this.cursorFrame ??= requestAnimationFrame(() => {
      this.cursorFrame = undefined;
      for (const card of this.inView) card.showCursor();
    });
  }

  /** The chart of a spec, drawn. */
  drawn(spec: ChartSpec): HTMLCanvasElement | undefined {
    const card = this.cards.get(spec.id);
    if (card !== undefined && this.dirty.delete(card)) card.render();
    return card?.picture;
  }

  private drawSoon(): void {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  private draw(): void {
    const start = performance.now();
    for (const card of this.inView) {
      if (!this.dirty.delete(card)) continue;
      card.render();
      if (performance.now() > start + FRAME) break;
    }
    this.spent += performance.now() - start;
    if ([...this.inView].some((card) => this.dirty.has(card))) {
      this.drawSoon();
      return;
    }
    this.cost = this.spent;
    this.spent = 0;
    this.onDrawn();
  }

  private drop(id: string): void {
    const card = this.cards.get(id)!;
    this.observer.unobserve(card.element);
    this.inView.delete(card);
    this.dirty.delete(card);
    this.cards.delete(id);
    card.dispose();
  }
}
