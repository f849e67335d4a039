# What a server shows in one round, in the words and by the rules of verdict.ts, by which loopback-ha watch judges; a test compares the
# two. perl-base only.
package Verdict;
use strict;
use warnings;

# sign_of HOST PINGED CAUSE...: what probe.pl says of the server's own address and of each of its services: "ok", or the cause why not.
# PINGED: it has answered a ping before; the silence of one that never does means nothing. Returns answers, fails or dead; '' where it was
# not asked.
sub sign_of {
    my ($host, $pinged, @causes) = @_;
    my @asked = grep { $_ ne 'unasked' } @causes or return '';
    return 'answers' if grep { /^(ok|other|status( \d{3})?)$/ } @asked;
    my $is_gone = $host eq 'noarp' || $host eq 'silent' && $pinged;
    my $dead = $is_gone ? qr/^(refused|silent|unreachable)$/ : qr/^refused$/;
    return (grep { !/$dead/ } @asked) ? 'fails' : 'dead';
}

# is_heard HOST CAUSE...: did anything come back, so that this router's own link works? A refusal of all servers is no reason to move.
sub is_heard {
    my ($host, @causes) = @_;
    return $host eq 'ok' || !!grep { /^(ok|other|late|status( \d{3})?)$/ } @causes;
}

1;
