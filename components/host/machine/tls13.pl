# A client's side of TLS 1.3 (RFC 8446), as much of it as it takes to ask a web server for a public page and to see which
# certificate it shows; perl-base has nothing for that. It keeps nothing secret and proves no identity: its key is a known
# one, so the shared secret is the server's own public value, and no authentication tag is checked. So nothing secret may be sent
# this way, such as a health path.
package Tls13;
use strict;
use warnings;

use constant { GROUP_X25519 => 0x1d, SUITE_CHACHA => 0x1303, BEGINNING => 1024 };
# The base point of Curve25519 (RFC 7748, 4.1): whose secret is one.
use constant BASE => chr(9) . "\0" x 31;

# rand() is enough, see above.
sub random_bytes { return join '', map { chr rand 256 } 1 .. shift }

# begin NAME REQUEST: a conversation, whose `out` is to be sent.
sub begin {
    my ($name, $request) = @_;
    my $extensions = join '', map { pack 'n n/a', @$_ }
        [0, pack 'n/a', pack 'C n/a', 0, $name],
        [10, pack 'n/a', pack 'n', GROUP_X25519],
        [13, pack 'n/a', pack 'n*', 0x403, 0x503, 0x603, 0x807, 0x808, 0x804 .. 0x806, 0x401, 0x501, 0x601],
        [16, pack 'n/a', pack 'C/a', 'http/1.1'],
        [43, pack 'C/a', pack 'n', 0x304],
        [51, pack 'n/a', pack 'n n/a', GROUP_X25519, BASE];
    my $hello = handshake(1, pack 'n a32 C n/a C/a n/a', 0x303, random_bytes(32), 0, pack('n', SUITE_CHACHA), "\0", $extensions);
    return { request => $request, in => '', messages => '', transcript => $hello, out => pack('Cn n/a', 22, 0x301, $hello), answer => '' };
}

sub handshake { my ($type, $body) = @_; return pack 'C C n/a', $type, length($body) >> 16, $body }

# take TALK BYTES: what came. `out` has what is to be sent then, `answer` the page as far as it came, `certificate` the first
# one in DER, `failed` why it will not do, and `unknown` that this is a limit of this program.
sub take {
    my ($talk, $bytes) = @_;
    $talk->{in} .= $bytes;
    while (!$talk->{failed} && length $talk->{in} >= 5) {
        my ($type, $length) = unpack 'C x2 n', $talk->{in};
        if ($type < 20 || $type > 23) { $talk->{failed} = 'speaks no TLS'; last }
        last if length $talk->{in} < 5 + $length;
        my $record = substr $talk->{in}, 5, $length;
        $talk->{in} = substr $talk->{in}, 5 + $length;
        next if $type == 20;
        ($type, $record) = opened($talk, $record) if $type == 23;
        next if !defined $type;
        if ($type == 21) { alerted($talk, $record) }
        elsif ($type == 22) { $talk->{messages} .= $record; messages($talk) }
        elsif ($type == 23) { $talk->{answer} .= $record }
    }
    return;
}

sub alerted {
    my ($talk, $record) = @_;
    my $alert = unpack 'xC', $record;
    # close_notify
    return if !$alert || $talk->{asked};
    $talk->{failed} = "ended the TLS handshake (alert $alert)";
    # handshake_failure, protocol_version: it wants what we have not, and browsers may.
    $talk->{unknown} = 1 if $alert == 40 || $alert == 70;
    return;
}

sub messages {
    my ($talk) = @_;
    while (length $talk->{messages} >= 4) {
        my ($type, $high, $low) = unpack 'CCn', $talk->{messages};
        my $length = 4 + ($high << 16) + $low;
        last if length $talk->{messages} < $length;
        my $message = substr $talk->{messages}, 0, $length;
        $talk->{messages} = substr $talk->{messages}, $length;
        # Tickets, and other messages after the handshake.
        next if $talk->{asked};
        $talk->{transcript} .= $message;
        if ($type == 2) { share($talk, $message) or return }
        elsif ($type == 11) { $talk->{certificate} = certificate_in($message) }
        elsif ($type == 13) { $talk->{asks_us} = 1 }
        elsif ($type == 20) { finish($talk) }
    }
    return;
}

my ($start, $nothing);
# ServerHello: both have the same secret now.
sub share {
    my ($talk, $hello) = @_;
    my ($suite, $extensions) = unpack 'x4 x2 x32 C/x n x n/a', $hello;
    my %extension;
    while (length($extensions // '') >= 4) {
        my ($kind, $body) = unpack 'n n/a', $extensions;
        $extension{$kind} = $body;
        $extensions = substr $extensions, 4 + length $body;
    }
    my ($group, $shared) = unpack 'n n/a', $extension{51} // '';
    if (($suite // 0) != SUITE_CHACHA || ($group // 0) != GROUP_X25519 || length($shared // '') != 32) {
        @$talk{qw(failed unknown)} = ('speaks a variant of TLS that is not supported here', 1);
        return 0;
    }
    my $said = sha256($talk->{transcript});
    my $handshake = extract($start //= derive(extract("\0" x 32, "\0" x 32), 'derived', $nothing //= sha256('')), $shared);
    $talk->{client} = derive($handshake, 'c hs traffic', $said);
    $talk->{master} = extract(derive($handshake, 'derived', $nothing), "\0" x 32);
    $talk->{read} = keys_of(derive($handshake, 's hs traffic', $said));
    return 1;
}

sub finish {
    my ($talk) = @_;
    my $before = sha256($talk->{transcript});
    my $ours = $talk->{asks_us} ? handshake(11, pack 'C a3', 0, "\0\0\0") : '';
    my $said = $ours eq '' ? $before : sha256($talk->{transcript} . $ours);
    $ours .= handshake(20, hmac(label($talk->{client}, 'finished', '', 32), $said));
    $talk->{out} .= sealed(keys_of($talk->{client}), 22, $ours);
    $talk->{read} = keys_of(derive($talk->{master}, 's ap traffic', $before));
    $talk->{out} .= sealed(keys_of(derive($talk->{master}, 'c ap traffic', $before)), 23, $talk->{request});
    $talk->{asked} = 1;
    return;
}

sub certificate_in {
    my ($message) = @_;
    my ($high, $low) = unpack 'x4 C/x x3 Cn', $message;
    return defined $low ? substr($message, 4 + 1 + ord(substr $message, 4, 1) + 6, ($high << 16) + $low) : '';
}

# When a certificate in DER begins to count, as YYYYMMDDhhmmss: the first time in it (RFC 5280, 4.1.2.5).
sub begins {
    my ($certificate) = @_;
    my ($time) = $certificate =~ /\x30\x1e\x17\x0d(\d{12})Z\x17\x0d\d{12}Z/ ? ($1 < 5e11 ? 20 : 19) . $1 : '';
    ($time) = $certificate =~ /\x18\x0f(\d{14})Z/ if $time eq '';
    return $time // '';
}

# RFC 8446, 7.1
sub extract { my ($salt, $key) = @_; return hmac($salt, $key) }
sub derive { my ($secret, $label, $said) = @_; return label($secret, $label, $said, 32) }
# Callers need one hash at most.
sub label {
    my ($secret, $label, $context, $length) = @_;
    return substr hmac($secret, pack('n C/a C/a', $length, "tls13 $label", $context) . "\1"), 0, $length;
}
sub keys_of { my ($secret) = @_; return { key => label($secret, 'key', '', 32), iv => label($secret, 'iv', '', 12), count => 0 } }
sub nonce { my ($keys) = @_; return $keys->{iv} ^ pack 'x4 Q>', $keys->{count}++ }

sub sealed {
    my ($keys, $type, $text) = @_;
    my $nonce = nonce($keys);
    my $head = pack 'C n n', 23, 0x303, length($text) + 17;
    my $closed = chacha20($keys->{key}, $nonce, 1, $text . chr $type);
    my $one_time = substr chacha20($keys->{key}, $nonce, 0, "\0" x 64), 0, 32;
    return $head . $closed . poly1305($one_time, padded($head) . padded($closed) . pack 'Q< Q<', length $head, length $closed);
}
sub padded { my ($text) = @_; return $text . "\0" x (-length($text) % 16) }

sub opened {
    my ($talk, $record) = @_;
    return if !$talk->{read} || length $record < 17;
    my ($key, $nonce, $size) = ($talk->{read}{key}, nonce($talk->{read}), length($record) - 16);
    my $end = int(($size - 1) / 64) * 64;
    # The start of a page is enough. The kind of a record is at its end.
    if ($talk->{asked} && $end > BEGINNING) {
        my $tail = chacha20($key, $nonce, 1 + $end / 64, substr $record, $end, $size - $end);
        $tail =~ s/\0*\z//;
        return (ord chop $tail, chacha20($key, $nonce, 1, substr $record, 0, BEGINNING)) if $tail ne '';
    }
    my $text = chacha20($key, $nonce, 1, substr $record, 0, $size);
    $text =~ s/\0*\z//;
    return (ord chop $text, $text);
}

# RFC 8439, 2.3 and 2.4
sub chacha20 {
    my ($key, $nonce, $counter, $text) = @_;
    my @start = (unpack('V4', 'expand 32-byte k'), unpack('V8', $key), $counter, unpack 'V3', $nonce);
    my $stream = '';
    while (length $stream < length $text) {
        my @x = @start;
        for (1 .. 10) {
            for my $quarter ([0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15], [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]) {
                my ($i, $j, $k, $l) = @$quarter;
                my ($a, $b, $c, $d) = @x[$i, $j, $k, $l];
                $a = ($a + $b) & 0xffffffff; $d ^= $a; $d = ($d << 16 | $d >> 16) & 0xffffffff;
                $c = ($c + $d) & 0xffffffff; $b ^= $c; $b = ($b << 12 | $b >> 20) & 0xffffffff;
                $a = ($a + $b) & 0xffffffff; $d ^= $a; $d = ($d << 8 | $d >> 24) & 0xffffffff;
                $c = ($c + $d) & 0xffffffff; $b ^= $c; $b = ($b << 7 | $b >> 25) & 0xffffffff;
                @x[$i, $j, $k, $l] = ($a, $b, $c, $d);
            }
        }
        $stream .= pack 'V16', map { ($x[$_] + $start[$_]) & 0xffffffff } 0 .. 15;
        $start[12]++;
    }
    return $text ^ substr $stream, 0, length $text;
}

# RFC 8439, 2.5, in five limbs of 26 bits.
sub poly1305 {
    my ($key, $text) = @_;
    my @r = limbs(substr($key, 0, 16) & pack 'H*', 'ffffff0f' . 'fcffff0f' x 3);
    my @h = (0) x 5;
    for my $block (unpack '(a16)*', $text) {
        my @n = limbs($block . "\1");
        $h[$_] += $n[$_] for 0 .. 4;
        my @d = (0) x 5;
        for my $i (0 .. 4) {
            for my $j (0 .. 4) { $d[($i + $j) % 5] += $h[$i] * $r[$j] * ($i + $j > 4 ? 5 : 1) }
        }
        carry(\@d);
        @h = @d;
    }
    carry(\@h) for 1, 2;
    # The remainder: minus 2^130 - 5 if it is not below that.
    my @g = ($h[0] + 5, @h[1 .. 4]);
    for my $i (0 .. 3) { $g[$i + 1] += $g[$i] >> 26; $g[$i] &= 0x3ffffff }
    @h = (@g[0 .. 3], $g[4] & 0x3ffffff) if $g[4] >> 26;
    my @words = (
        $h[0] | $h[1] << 26, $h[1] >> 6 | $h[2] << 20, $h[2] >> 12 | $h[3] << 14, $h[3] >> 18 | $h[4] << 8,
    );
    my @pad = unpack 'x16 V4', $key;
    my $over = 0;
    my @tag;
    for my $i (0 .. 3) {
        my $sum = ($words[$i] & 0xffffffff) + $pad[$i] + $over;
        push @tag, $sum & 0xffffffff;
        $over = $sum >> 32;
    }
    return pack 'V4', @tag;
}
sub limbs {
    my @word = unpack 'V4 C', $_[0] . "\0" x 17;
    return map { $_ & 0x3ffffff } $word[0], $word[0] >> 26 | $word[1] << 6, $word[1] >> 20 | $word[2] << 12, $word[2] >> 14 | $word[3] << 18, $word[3] >> 8 | $word[4] << 24;
}
sub carry {
    my ($d) = @_;
    for my $i (0 .. 3) { $d->[$i + 1] += $d->[$i] >> 26; $d->[$i] &= 0x3ffffff }
    $d->[0] += 5 * ($d->[4] >> 26);
    $d->[4] &= 0x3ffffff;
    $d->[1] += $d->[0] >> 26;
    $d->[0] &= 0x3ffffff;
    return;
}

# The full perl has a module for it, which is faster; perl-base has none.
my $is_whole = eval { require Digest::SHA };
sub sha256 { my ($text) = @_; return $is_whole ? Digest::SHA::sha256($text) : sha256_by_hand($text) }

# RFC 2104
sub hmac {
    my ($key, $text) = @_;
    return Digest::SHA::hmac_sha256($text, $key) if $is_whole;
    return hmac_by_hand($key, $text);
}
sub hmac_by_hand {
    my ($key, $text) = @_;
    my $padded = $key . "\0" x (64 - length $key);
    return sha256_by_hand(($padded ^ chr(0x5c) x 64) . sha256_by_hand(($padded ^ chr(0x36) x 64) . $text));
}

# FIPS 180-4: the fractions of the first primes' square roots, and cube roots.
my (@begin, @constant);
{
    for (my $n = 2; @constant < 64; $n++) {
        next if grep { $n % $_ == 0 } 2 .. $n - 1;
        push @begin, fraction($n, 2) if @begin < 8;
        push @constant, fraction($n, 3);
    }
}
# The first 32 bits after the point, exactly: doubles have 53 bits, and these need fewer.
sub fraction { my $root = $_[0] ** (1 / $_[1]); return int(($root - int $root) * 4294967296) }

sub sha256_by_hand {
    my ($text) = @_;
    $text .= "\x80" . "\0" x ((55 - length $text) % 64) . pack 'Q>', 8 * length $text;
    use integer;
    my @h = @begin;
    for my $block (unpack '(a64)*', $text) {
        my @w = unpack 'N16', $block;
        my ($a, $b, $c, $d, $e, $f, $g, $h) = @h;
        for my $i (0 .. 63) {
            if ($i > 15) {
                my ($x, $y) = ($w[$i - 15], $w[$i - 2]);
                $x |= $x << 32;
                $y |= $y << 32;
                $w[$i] = ($w[$i - 16] + $w[$i - 7] + (($x >> 7 ^ $x >> 18 ^ ($x & 0xffffffff) >> 3) & 0xffffffff) + (($y >> 17 ^ $y >> 19 ^ ($y & 0xffffffff) >> 10) & 0xffffffff)) & 0xffffffff;
            }
            my ($x, $y) = ($e | $e << 32, $a | $a << 32);
            my $one = $h + (($x >> 6 ^ $x >> 11 ^ $x >> 25) & 0xffffffff) + ($e & $f ^ ~$e & $g) + $constant[$i] + $w[$i];
            my $two = (($y >> 2 ^ $y >> 13 ^ $y >> 22) & 0xffffffff) + ($a & $b ^ $a & $c ^ $b & $c);
            ($h, $g, $f, $e, $d, $c, $b, $a) = ($g, $f, $e, ($d + $one) & 0xffffffff, $c, $b, $a, ($one + $two) & 0xffffffff);
        }
        my $i = 0;
        $_ = ($_ + ($a, $b, $c, $d, $e, $f, $g, $h)[$i++]) & 0xffffffff for @h;
    }
    return pack 'N8', @h;
}

1;
