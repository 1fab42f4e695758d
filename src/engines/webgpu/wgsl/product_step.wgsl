// What k adds to the sums of the tile; b is then at what lies DEPTH elements further.
$for i $ROWS
        let l$i = a[row$i + k * p.a_column];
$end
$for u $DEPTH
$for j $COLUMNS
        let r$j_$u = b[b$j];
        b$j += p.n;
$end
$for i $ROWS
$for j $COLUMNS
        s$i_$j += $LEFT * r$j_$u;
$end
$end
$end
