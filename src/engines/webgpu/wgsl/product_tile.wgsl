// A tile at row and column. Rows and columns beyond the edge read the last one; their sums are not written.
$for i $ROWS
    let row$i = at_a + min(row + $iu, p.m - 1u) * p.a_row;
$for j $COLUMNS
    var s$i_$j = $V();
$end
$end
$for j $COLUMNS
    var b$j = at_b + min(column + $ju, p.n - 1u);
$end
