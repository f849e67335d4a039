# Changes a file that is not ours, in a folder that another user may own. It is read and written by handles: that user cannot
# redirect us by a link, or block us by a pipe. Owner and mode stay. After a power cut it is the old or the new file, whole.
#   perl -e 'require shift; ...' "$scripts/replaceFile.pl" ...
use strict;
use warnings;
use Fcntl;
use IO::Handle;

# contents_of FILE: its text, and the handle that replace_file wants.
sub contents_of {
    my ($file) = @_;
    sysopen my $in, $file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK or die "$file: $!\n";
    -f $in or die "$file is no file\n";
    local $/;
    return (scalar(<$in>) // '', $in);
}

# replace_file FILE HANDLE TEXT
sub replace_file {
    my ($file, $in, $text) = @_;
    my $new = "$file.loopback-ha-new";
    my ($mode, $uid, $gid) = (stat $in)[2, 4, 5];
    unlink $new;
    sysopen my $out, $new, O_WRONLY | O_CREAT | O_EXCL, 0600 or die "$new: $!\n";
    print {$out} $text or die "$new: $!\n";
    chown $uid, $gid, $out and chmod $mode & 07777, $out and $out->flush and $out->sync and close $out and rename $new, $file or die "$file: $!\n";
    my $folder;
    open $folder, '<', $file =~ s|/[^/]*$||r and $folder->sync or die "$file: its folder: $!\n";
    return;
}

1;
