// Keeps the keyboard's focus where it was when what had it goes or moves: a row that ends, a row that is sorted elsewhere. The browser
// gives it to the body then, and who uses the keyboard would begin at the top of the page again.

/** What had the focus last, and the row of a table that it stands in. */
interface Place {
  readonly element: HTMLElement;
  readonly table: HTMLElement | null;
  readonly row: HTMLTableRowElement | null;
  /** Where the row was in its table when it was last seen. */
  at: number;
}

/** Watches a part of the page, for as long as the page is there. @param rest has the focus where nothing nearer is left */
export function keepFocus(part: HTMLElement, rest: () => HTMLElement | null): void {
  let place: Place | null = null;
  part.addEventListener('focusin', ({ target }) => {
    place = placeOf(target as HTMLElement);
  });
  // Who clicks beside everything wants no focus. What is taken out of the page is heard of before this timer.
  part.addEventListener('focusout', () => setTimeout(() => (place = isNowhere() ? null : place)));
  new MutationObserver((changes) => {
    if (place === null) return;
    const { element, row } = place;
    if (isNowhere() && changes.some(({ removedNodes }) => [...removedNodes].some((one) => one.contains(element)))) {
      (element.isConnected ? element : (neighbourOf(place) ?? rest()))?.focus();
    } else if (row?.isConnected) place.at = row.sectionRowIndex;
  }).observe(part, { childList: true, subtree: true });
}

const isNowhere = (): boolean => document.activeElement === document.body;

function placeOf(element: HTMLElement): Place {
  const row = element.closest('tr');
  return { element, table: element.closest<HTMLElement>('section.scroll'), row, at: row?.sectionRowIndex ?? 0 };
}

/** The button of the row that took its place, else of a row after it, else of the last before it, else the table. */
function neighbourOf({ table, at }: Place): HTMLElement | null {
  if (table === null || !table.isConnected) return null;
  const rows = [...table.querySelectorAll<HTMLTableRowElement>('tbody tr')];
  for (const row of [...rows.slice(at), ...rows.slice(0, at).reverse()]) {
    const button = row.querySelector<HTMLElement>('button.act');
    if (button !== null) return button;
  }
  return table;
}
