// The sums of the tile, as the result.
$for i $ROWS
$for j $COLUMNS
    if (row + $iu < p.m && column + $ju < p.n) {
        var x = p.alpha * s$i_$j;
        $PLUS
        let at = (z * p.m + row + $iu) * p.n + column + $ju;
        result[at + p.starts.w] = $RESULT;
    }
$end
$end
