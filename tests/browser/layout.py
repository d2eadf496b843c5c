"""What is measured of a page's layout: what is wider than its window, and what is too small for a finger."""

from playwright.async_api import Frame, Page

_SIDEWAYS = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.body.querySelectorAll("*")]
    .filter(element => element.getBoundingClientRect().right > width + 1)
    .map(element => `${Math.round(element.getBoundingClientRect().right)}: ${element.outerHTML.slice(0, 160)}`);
}"""

_CUT_OFF = """selector => [...document.querySelectorAll(selector)]
  .filter(box => box.checkVisibility() && box.scrollWidth > box.clientWidth)
  .map(box => `${box.scrollWidth} in ${box.clientWidth}: ${box.ariaLabel ?? box.textContent.trim()}`)"""

_LINES = """selector => {
  const found = {};
  for (const element of document.querySelectorAll(selector)) {
    const range = document.createRange();
    range.selectNodeContents(element);
    const lines = new Set([...range.getClientRects()].map(box => Math.round(box.bottom))).size;
    found[element.textContent.trim()] = Math.max(lines, found[element.textContent.trim()] ?? 0);
  }
  return found;
}"""

_SMALL = """least => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [role=switch]")]
  .filter(element => element.checkVisibility({visibilityProperty: true}) && element.type !== "hidden")
  // A button that stretches over its card is as large as the card.
  .map(element => [element, (element.matches(".whole") ? element.closest(".card") : element).getBoundingClientRect()])
  .filter(([element, box]) => box.width > 0 && (box.width < least - 0.5 || box.height < least - 0.5))
  .map(([element, box]) => `${Math.round(box.width)} x ${Math.round(box.height)}: ${element.outerHTML.slice(0, 120)}`)
"""


async def sideways(page: Page | Frame) -> list[str]:
    """Give the elements that make a page scroll sideways."""
    found: list[str] = await page.evaluate(_SIDEWAYS)
    return found


async def cut_off(page: Page | Frame, selector: str = ".table-wrap") -> list[str]:
    """Give the boxes that are narrower than what is in them."""
    found: list[str] = await page.evaluate(_CUT_OFF, selector)
    return found


async def lines_of(page: Page | Frame, selector: str) -> dict[str, int]:
    """Give on how many lines the texts of elements stand, by text; of equal ones the most."""
    found: dict[str, int] = await page.evaluate(_LINES, selector)
    return found


async def small_targets(page: Page | Frame, least: int) -> list[str]:
    """Give the visible targets that are smaller than so many CSS pixels either way."""
    found: list[str] = await page.evaluate(_SMALL, least)
    return found
