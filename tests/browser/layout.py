"""What is measured of a page's layout: what is wider than its window, and what is too small for a finger."""

from playwright.async_api import Frame, Page

_SIDEWAYS = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.body.querySelectorAll("*")]
    .filter(element => element.getBoundingClientRect().right > width + 1)
    .map(element => `${Math.round(element.getBoundingClientRect().right)}: ${element.outerHTML.slice(0, 160)}`);
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


async def small_targets(page: Page | Frame, least: int) -> list[str]:
    """Give the visible targets that are smaller than so many CSS pixels either way."""
    found: list[str] = await page.evaluate(_SMALL, least)
    return found
