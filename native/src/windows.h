// Which window of the context each row of a long sequence comes from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace forksight {

/**
 * Windows of `capacity` tokens that overlap by half. The first begins at the sequence's start; window w > 0 begins
 * w * half tokens later, and only its second half gives rows, so every row has at least about half a window before it.
 * Where the sequence starts with `lead` tokens that belong in front of everything (a BOS), each window starts with them.
 */
class Windows {
 public:
  Windows(size_t capacity, size_t lead) : capacity_(capacity), lead_(lead) {
    half_ = capacity > lead + 1 ? (capacity - lead) / 2 : 1;
    if (half_ == 0) half_ = 1;
  }

  /** Window of the row that speaks of token `i`, by the logits at i - 1. */
  size_t of(size_t i) const { return i <= capacity_ ? 0 : (i - capacity_ + half_ - 1) / half_; }

  /** First row behind those of window `w`. */
  size_t rowsEnd(size_t w) const { return capacity_ + w * half_ + 1; }

  /** Position inside window `w` of the logits for row `i`. */
  size_t position(size_t w, size_t i) const { return i - 1 - w * half_; }

  /** The token at `position` of window `w`. */
  int32_t token(const int32_t* ids, size_t w, size_t position) const {
    return position < lead_ ? ids[position] : ids[position + w * half_];
  }

 private:
  size_t capacity_;
  size_t lead_;
  size_t half_;
};

/** What must be decoded of one window: positions [start, end), with logits from `logitsFrom` on. */
struct Segment {
  size_t window;
  size_t firstRow;
  size_t endRow;
  size_t logitsFrom;
  size_t end;
};

/** The segments that give rows [firstRow, endRow); firstRow is at least 1. */
inline std::vector<Segment> segmentsFor(const Windows& windows, size_t firstRow, size_t endRow) {
  std::vector<Segment> segments;
  for (size_t row = firstRow; row < endRow;) {
    const size_t window = windows.of(row);
    const size_t end = windows.rowsEnd(window) < endRow ? windows.rowsEnd(window) : endRow;
    segments.push_back({window, row, end, windows.position(window, row), windows.position(window, end)});
    row = end;
  }
  return segments;
}

}  // namespace forksight
