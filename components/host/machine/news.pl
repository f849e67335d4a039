#!/usr/bin/perl
# Prints a line when something in the kernel may have changed that a supervisor keeps. Asking each second whether anything has is
# most of what a supervisor costs. One line at the start, then few, however many changes there are.
#   news.pl nftables TABLE   rules, chains, sets, tables; of elements, those of TABLE (others' sets may change all day)
#   news.pl lo PROTOCOL      the loopback device and its addresses; routes of that protocol number, or of no next hop
use strict;
use warnings;

my ($what, $own) = @ARGV;
# The netlink protocol, the groups, and which of their messages count.
my %sources = (
    # NETLINK_NETFILTER; NFNLGRP_NFTABLES.
    nftables => [12, 1 << 6, \&is_news_of_nftables],
    # NETLINK_ROUTE; RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE.
    lo => [0, 1 << 0 | 1 << 4 | 1 << 6, \&is_news_of_lo],
);
my ($protocol, $groups, $is_news) = @{ $sources{$what} };
# AF_NETLINK, SOCK_RAW.
socket my $news, 16, 3, $protocol or exit 1;
# SOL_SOCKET, SO_RCVBUFFORCE: room for many changes at once.
setsockopt $news, 1, 33, pack 'i', 1 << 22;
bind $news, pack 'S S L L', 16, 0, 0, $groups or exit 1;
$| = 1;
print "listening\n" or exit;
my ($last, $rest) = (0, 0.1);
while (1) {
    next if !heard();
    # Changes made together have arrived by then. Later ones get a line of their own.
    select undef, undef, undef, 0.02;
    # MSG_DONTWAIT
    1 while defined recv $news, my $message, 65536, 0x40;
    print "changed\n" or exit;
    $rest = time - $last > 2 ? 0.1 : $rest > 0.4 ? 0.8 : 2 * $rest;
    $last = time;
    select undef, undef, undef, $rest;
}

# The next message. A lost one counts, too.
sub heard {
    defined recv $news, my $message, 65536, 0 or return 1;
    for (my $at = 0; $at < length $message; ) {
        return 1 if $at + 16 > length $message;
        my ($length, $type) = unpack 'L S', substr $message, $at;
        return 1 if $length < 16 || $at + $length > length $message;
        return 1 if $is_news->($type, substr $message, $at + 16, $length - 16);
        $at += $length + 3 & ~3;
    }
    return 0;
}

sub is_news_of_nftables {
    my ($type, $body) = @_;
    $type &= 255;
    # NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM, which name their table; NFT_MSG_NEWGEN comes after all others.
    return $type == 12 || $type == 14 ? index($body, "$own\0") >= 0 : $type != 15;
}

sub is_news_of_lo {
    my ($type, $body) = @_;
    # RTM_NEWROUTE, RTM_DELROUTE; RTN_UNICAST is a route to somewhere else.
    if ($type == 24 || $type == 25) {
        my ($by, $kind) = (unpack 'C8', $body)[5, 7];
        return $by == $own || $kind != 1;
    }
    # The index is at the same place for links and for addresses; lo has 1.
    return (unpack 'x4 L', $body)[0] == 1;
}
